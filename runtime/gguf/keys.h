// Reading the keys of a file that begin with its architecture's name.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/expected.h"
#include "runtime/gguf/gguf.h"

namespace tern::runtime {

// Reads keys `PREFIX.name`. The first fault stays, and a read that fails gives 1 (false, no elements).
class Keys {
 public:
  // `file` must outlive the keys.
  Keys(const GgufFile& file, std::string_view prefix) : file_(file), prefix_(prefix) {}

  const GgufFile& file() const { return file_; }
  bool has(std::string_view name) const { return file_.find(full(name)) != nullptr; }

  // From 1 to `highest`.
  uint32_t integer(std::string_view name, uint32_t highest);
  uint32_t integer_or(uint32_t default_value, std::string_view name, uint32_t highest) {
    return has(name) ? integer(name, highest) : default_value;
  }
  // A number within the two limits.
  float number(std::string_view name, double lowest, double highest);
  float number_or(float default_value, std::string_view name, double lowest, double highest) {
    return has(name) ? number(name, lowest, highest) : default_value;
  }
  // Empty if there is no such key.
  std::string_view text(std::string_view name);
  // A number, or an array of them, all of which are equal: what differs between layers is refused.
  float same_number(std::string_view name, double lowest, double highest);
  // An array of booleans.
  std::vector<bool> booleans(std::string_view name);

  void complain(std::string message) { note(Error{std::move(message), {file_.path()}}); }
  void note(const Error& error) {
    if (!error_) error_ = error;
  }
  std::string full(std::string_view name) const { return fmt::format("{}.{}", prefix_, name); }
  const std::optional<Error>& error() const { return error_; }

 private:
  const GgufFile& file_;
  std::string prefix_;
  std::optional<Error> error_;
};

}  // namespace tern::runtime
