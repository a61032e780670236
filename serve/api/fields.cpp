#include "serve/api/fields.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "serve/api/json_text.h"

namespace tern::serve {

using nlohmann::json;

Fields::Fields(const json& object, std::string prefix, std::optional<ApiError>& error)
    : object_(object), prefix_(std::move(prefix)), error_(error) {
  if (object.is_object()) return;
  if (!error_) {
    error_.emplace();
    error_->message = fmt::format("{} must be an object", prefix_.empty() ? "the request" : prefix_);
  }
}

void Fields::fail(std::string_view name, std::string message, std::string code) {
  if (error_) return;
  error_.emplace();
  error_->param = prefix_ + std::string(name);
  error_->message = std::move(message);
  error_->code = std::move(code);
}

const json* Fields::find(std::string_view name) {
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(name);
  if (found == object_.end()) return nullptr;
  read_.emplace(name);
  return found->is_null() ? nullptr : &*found;
}

std::optional<double> Fields::number(std::string_view name, double least, double most) {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    fail(name, fmt::format("{}{} must be a number", prefix_, name));
    return std::nullopt;
  }
  const double number = value->get<double>();
  if (!(number >= least && number <= most)) {
    fail(name, fmt::format("{}{} must be from {} to {}, not {}", prefix_, name, least, most, number));
    return std::nullopt;
  }
  return number;
}

std::optional<int64_t> Fields::integer(std::string_view name, int64_t least, int64_t most) {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  // What is beyond 63 bits is an unsigned number to the parser, or a float.
  const bool fits = value->is_number_integer() &&
                    (!value->is_number_unsigned() || value->get<uint64_t>() <= uint64_t{INT64_MAX});
  if (!fits) {
    fail(name, fmt::format("{}{} must be an integer", prefix_, name));
    return std::nullopt;
  }
  const int64_t number = value->get<int64_t>();
  if (number < least || number > most) {
    fail(name, fmt::format("{}{} must be from {} to {}, not {}", prefix_, name, least, most, number));
    return std::nullopt;
  }
  return number;
}

bool Fields::boolean(std::string_view name, bool otherwise) {
  const json* value = find(name);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) fail(name, fmt::format("{}{} must be true or false", prefix_, name));
  return value->is_boolean() ? value->get<bool>() : otherwise;
}

std::string Fields::text(std::string_view name) {
  const json* value = find(name);
  if (value == nullptr) return {};
  if (!value->is_string()) fail(name, fmt::format("{}{} must be a string", prefix_, name));
  return value->is_string() ? value->get<std::string>() : std::string();
}

void Fields::ignore(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) find(name);
}

void Fields::only(std::string_view name, const json& value) {
  const json* found = find(name);
  if (found == nullptr || *found == value) return;
  fail(name, fmt::format("{}{} is not supported here, but for the value {}", prefix_, name, json_text(value)),
       "unsupported_value");
}

void Fields::finish() {
  if (!object_.is_object()) return;
  for (const auto& [name, value] : object_.items()) {
    if (value.is_null() || read_.contains(name)) continue;
    fail(name, fmt::format("this server does not know the parameter '{}{}'", prefix_, name),
         "unsupported_parameter");
    return;
  }
}

}  // namespace tern::serve
