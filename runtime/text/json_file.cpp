#include "runtime/text/json_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file_mapping.h"

namespace tern::runtime {
namespace {

using nlohmann::json;

constexpr size_t largest_file = size_t{128} << 20;  // bytes; Gemma's tokenizer.json has 33 million
constexpr size_t most_values = size_t{1} << 23;     // Gemma's has 2 million
constexpr size_t deepest = 64;

// Builds the value from the parser's events. Unlike nlohmann's own builder it stops at the first key that
// comes twice and at the limits.
class Builder : public nlohmann::json_sax<json> {
 public:
  json root;
  std::string fault;

  bool null() override { return add(nullptr) != nullptr; }
  bool boolean(bool value) override { return add(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) override { return add(value) != nullptr; }
  bool string(string_t& value) override { return add(std::move(value)) != nullptr; }
  bool binary(binary_t&) override { return false; }  // not in JSON

  bool start_object(size_t) override { return open(json::object()); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    const auto [member, is_new] = open_.back()->emplace(name, nullptr);
    if (!is_new) fault = fmt::format("the key '{}' comes twice in one object", name);
    member_ = &*member;
    return is_new;
  }

  bool parse_error(size_t, const std::string&, const json::exception& error) override {
    fault = error.what();
    return false;
  }

 private:
  json* add(json value) {
    if (++count_ > most_values) {
      fault = fmt::format("there are more than {} values", most_values);
      return nullptr;
    }
    if (open_.empty()) return &(root = std::move(value));
    if (open_.back()->is_array()) return &open_.back()->emplace_back(std::move(value));
    return &(*member_ = std::move(value));
  }

  bool open(json empty) {
    if (open_.size() == deepest) {
      fault = fmt::format("it is nested more than {} deep", deepest);
      return false;
    }
    json* added = add(std::move(empty));
    if (added != nullptr) open_.push_back(added);
    return added != nullptr;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::vector<json*> open_;  // the objects and arrays around what comes next
  json* member_ = nullptr;   // of the innermost object
  size_t count_ = 0;
};

}  // namespace

Expected<json> read_json_file(const std::string& path) {
  TERN_ASSIGN(const FileMapping file, map_file(path));
  const auto bytes = file.bytes();
  if (bytes.size() > largest_file) {
    return Error{fmt::format("has {} bytes; JSON of up to {} is read", bytes.size(), largest_file), {path}};
  }
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  Builder builder;
  if (!json::sax_parse(text, text + bytes.size(), &builder)) {
    return Error{"is not JSON that can be used: " + builder.fault, {path}};
  }
  return std::move(builder.root);
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
