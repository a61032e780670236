#include "runtime/text/json_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file_mapping.h"
#include "runtime/text/strict_json.h"

namespace tern::runtime {
namespace {

using nlohmann::json;

constexpr size_t largest_file = size_t{128} << 20;  // bytes; Gemma's tokenizer.json has 33 million
constexpr size_t deepest = 64;

}  // namespace

Expected<json> read_json_file(const std::string& path) {
  TERN_ASSIGN(const FileMapping file, map_file(path));
  const auto bytes = file.bytes();
  if (bytes.size() > largest_file) {
    return Error{fmt::format("has {} bytes; JSON of up to {} is read", bytes.size(), largest_file), {path}};
  }
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  return parse_json({text, bytes.size()}, path, {.depth = deepest});
}

Error JsonPlace::error(std::string_view message) const {
  return Error{name.empty() ? std::string(message) : fmt::format("{}: {}", name, message)};
}

Expected<std::optional<JsonPlace>> JsonPlace::find(std::string_view key) const {
  if (!value->is_object()) return error("is not an object");
  const auto member = value->find(std::string(key));
  if (member == value->end() || member->is_null()) return std::optional<JsonPlace>();
  return std::optional(
      JsonPlace{&*member, name.empty() ? std::string(key) : fmt::format("{}.{}", name, key)});
}

Expected<JsonPlace> JsonPlace::get(std::string_view key) const {
  TERN_ASSIGN(auto found, find(key));
  if (!found) return error(fmt::format("'{}' is missing", key));
  return std::move(*found);
}

Expected<std::vector<JsonPlace>> JsonPlace::elements() const {
  if (!value->is_array()) return error("is not an array");
  std::vector<JsonPlace> result;
  result.reserve(value->size());
  for (const json& element : *value) result.push_back({&element, fmt::format("{}[{}]", name, result.size())});
  return result;
}

Expected<std::string> JsonPlace::text() const {
  if (!value->is_string()) return error("is not a string");
  return value->get<std::string>();
}

Expected<bool> JsonPlace::flag() const {
  if (!value->is_boolean()) return error("is neither true nor false");
  return value->get<bool>();
}

Expected<uint32_t> JsonPlace::id() const {
  if (!value->is_number_unsigned() || value->get<uint64_t>() > INT32_MAX) return error("is not a token's id");
  return value->get<uint32_t>();
}

Expected<std::string> JsonPlace::text_of(std::string_view key, std::string_view otherwise) const {
  TERN_ASSIGN(const auto found, find(key));
  return found ? found->text() : std::string(otherwise);
}

Expected<bool> JsonPlace::flag_of(std::string_view key, bool otherwise) const {
  TERN_ASSIGN(const auto found, find(key));
  return found ? found->flag() : otherwise;
}

}  // namespace tern::runtime
