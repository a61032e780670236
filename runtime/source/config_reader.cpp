#include "runtime/source/config_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/gguf/gguf.h"

namespace tern::runtime {

using nlohmann::json;

ConfigReader::ConfigReader(const json& object, std::string file, std::string where)
    : object_(object), file_(std::move(file)), where_(std::move(where)) {
  if (!object_.is_object())
    complain(fmt::format("{} is no JSON object", where_.empty() ? "the file" : where_));
}

bool ConfigReader::has(std::string_view key) const {
  if (!object_.is_object()) return false;
  const auto found = object_.find(key);
  return found != object_.end() && !found->is_null();
}

const json* ConfigReader::value(std::string_view key) {
  ignore(key);
  return has(key) ? &*object_.find(key) : nullptr;
}

uint32_t ConfigReader::integer(std::string_view key, uint32_t lowest, uint32_t highest) {
  const json* found = value(key);
  if (!found) {
    complain(key, "is missing");
  } else if (!found->is_number_integer()) {
    complain(key, "is no integer");
  } else if (found->is_number_unsigned() && found->get<uint64_t>() >= lowest &&
             found->get<uint64_t>() <= highest) {
    return static_cast<uint32_t>(found->get<uint64_t>());
  } else {
    complain(key, fmt::format("is {}, outside of {} to {}", found->dump(), lowest, highest));
  }
  return lowest;
}

uint32_t ConfigReader::integer_or(uint32_t default_value, std::string_view key, uint32_t lowest,
                                  uint32_t highest) {
  ignore(key);
  return has(key) ? integer(key, lowest, highest) : default_value;
}

double ConfigReader::number(std::string_view key, double lowest, double highest) {
  const json* found = value(key);
  if (!found) {
    complain(key, "is missing");
  } else if (!found->is_number()) {
    complain(key, "is no number");
  } else if (const auto number = found->get<double>(); number >= lowest && number <= highest) {
    return number;
  } else {
    complain(key, fmt::format("is {}, outside of {} to {}", found->dump(), lowest, highest));
  }
  return lowest;
}

double ConfigReader::number_or(double default_value, std::string_view key, double lowest, double highest) {
  ignore(key);
  return has(key) ? number(key, lowest, highest) : default_value;
}

bool ConfigReader::boolean_or(bool default_value, std::string_view key) {
  const json* found = value(key);
  if (!found) return default_value;
  if (found->is_boolean()) return found->get<bool>();
  complain(key, "is neither true nor false");
  return default_value;
}

std::string ConfigReader::text_or(std::string_view default_value, std::string_view key) {
  const json* found = value(key);
  if (!found) return std::string(default_value);
  if (found->is_string()) return found->get<std::string>();
  complain(key, "is no text");
  return std::string(default_value);
}

std::string ConfigReader::first_text(std::string_view key) {
  const json* found = value(key);
  if (!found) return "";
  const json* first = found->is_array() && !found->empty() ? &found->front() : found;
  if (first->is_string()) return first->get<std::string>();
  complain(key, "is no text");
  return "";
}

void ConfigReader::refuse_unread() {
  if (!object_.is_object()) return;
  for (const auto& [key, held] : object_.items()) {
    if (read_.contains(key) || held.is_null() || held == json(false)) continue;
    std::string shown = held.dump(-1, ' ', true, json::error_handler_t::replace);
    constexpr size_t longest = 60;
    if (shown.size() > longest) shown = shown.substr(0, longest) + "...";
    return complain(
        key, fmt::format("is {}; Tern does not know it, and it may change what the model computes", shown));
  }
}

void ConfigReader::complain(std::string_view key, std::string_view message) {
  complain(fmt::format("key {} {}", quote(where_ + std::string(key)), message));
}

void ConfigReader::complain(std::string message) {
  if (!error_) error_ = Error{std::move(message), {file_}};
}

}  // namespace tern::runtime
