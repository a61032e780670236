// Reading the keys of a config.json one by one, so that at the end those which nothing has read are known.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/expected.h"

namespace tern::runtime {

// The first fault stays, and later reads give harmless values. `object` must outlive the reader.
class ConfigReader {
 public:
  // `where` precedes the keys in messages: "" or "rope_scaling.".
  ConfigReader(const nlohmann::json& object, std::string file, std::string where);

  bool has(std::string_view key) const;  // and it is not null
  uint32_t integer(std::string_view key, uint32_t lowest, uint32_t highest);
  uint32_t integer_or(uint32_t default_value, std::string_view key, uint32_t lowest, uint32_t highest);
  double number(std::string_view key, double lowest, double highest);
  double number_or(double default_value, std::string_view key, double lowest, double highest);
  bool boolean_or(bool default_value, std::string_view key);
  std::string text_or(std::string_view default_value, std::string_view key);
  // The first text of a list of texts, or the text itself; empty if the key is missing.
  std::string first_text(std::string_view key);
  // The value of a key, marked as read; null if the key is missing or its value is null.
  const nlohmann::json* value(std::string_view key);

  // Marks a key as read whatever its value.
  void ignore(std::string_view key) { read_.emplace(key); }
  // Complains about the first key that nothing has read and that is neither null nor false.
  void refuse_unread();

  void complain(std::string_view key, std::string_view message);
  void complain(std::string message);
  const std::optional<Error>& error() const { return error_; }
  void note(const std::optional<Error>& error) {
    if (error && !error_) error_ = error;
  }

 private:
  const nlohmann::json& object_;
  std::string file_, where_;
  std::set<std::string, std::less<>> read_;
  std::optional<Error> error_;
};

}  // namespace tern::runtime
