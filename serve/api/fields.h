// The parameters of a request: each is read, or refused by its name.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "serve/api/api_error.h"

namespace tern::serve {

// Reads the items of one object. The first thing that is wrong is noted in `error`, and what is read after it
// does not matter. An item that is null counts as missing.
class Fields {
 public:
  // `prefix` stands before the names in messages. Object and error must outlive this.
  Fields(const nlohmann::json& object, std::string prefix, std::optional<ApiError>& error);

  // An item of any kind; null if it is missing.
  const nlohmann::json* find(std::string_view name);
  // Items of a kind. Another kind, and a number out of its range, is an error.
  std::optional<double> number(std::string_view name, double least, double most);
  std::optional<int64_t> integer(std::string_view name, int64_t least, int64_t most);
  bool boolean(std::string_view name, bool otherwise);
  std::string text(std::string_view name);

  // Items that change no answer, whatever they hold.
  void ignore(std::initializer_list<std::string_view> names);
  // An item that may have this value and no other, because another would change the answer.
  void only(std::string_view name, const nlohmann::json& value);
  // Refuses an item that nothing has read.
  void finish();

  // Notes an error of an item.
  void fail(std::string_view name, std::string message, std::string code = {});

 private:
  const nlohmann::json& object_;
  std::string prefix_;
  std::optional<ApiError>& error_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace tern::serve
