#include "runtime/gguf/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <optional>
#include <type_traits>

#include "base/utf8.h"

namespace tern::runtime {
namespace {

Error key_error(const GgufFile& file, std::string_view key, std::string_view message) {
  return Error{fmt::format("key {} {}", quote(key), message), {file.path()}};
}

// "is a string, not an integer"
Error type_error(const GgufFile& file, std::string_view key, const MetadataValue& value,
                 std::string_view wanted) {
  if (const auto* array = std::get_if<MetadataArray>(&value)) {
    return key_error(file, key, fmt::format("is an array of {}, not {}", name_of(array->element), wanted));
  }
  return key_error(file, key, fmt::format("is of type {}, not {}", name_of(type_of(value)), wanted));
}

template <class T>
Expected<T> get(const GgufFile& file, std::string_view key, std::string_view wanted) {
  const MetadataValue* value = file.find(key);
  if (!value) return key_error(file, key, "is missing");
  if (const T* found = std::get_if<T>(value)) return *found;
  return type_error(file, key, *value, wanted);
}

// Elements of a fixed size, copied out: in the file they have no alignment.
template <class T>
std::vector<T> elements_of(const MetadataArray& array) {
  assert(array.bytes.size() == array.count * sizeof(T));
  std::vector<T> elements(array.count);
  if (!elements.empty()) std::memcpy(elements.data(), array.bytes.data(), array.bytes.size());
  return elements;
}

// The integer, or nothing if the value is no integer or is negative.
std::optional<uint64_t> as_unsigned(const MetadataValue& value) {
  return std::visit(
      [](const auto& held) -> std::optional<uint64_t> {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
          if (held >= 0) return static_cast<uint64_t>(held);
        }
        return std::nullopt;
      },
      value);
}

// The number of any type of numbers, or nothing.
std::optional<double> as_number(const MetadataValue& value) {
  return std::visit(
      [](const auto& held) -> std::optional<double> {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) return static_cast<double>(held);
        return std::nullopt;
      },
      value);
}

// Bytes of the character at the front if a terminal prints it: well-formed UTF-8, not one of the control
// characters, which are U+0000 to U+001F and U+007F to U+009F. Else 0.
size_t printable_length(std::string_view text) {
  const Utf8Step step = utf8_step(text);
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const bool control =
      byte(0) < 0x20 || byte(0) == 0x7f || (byte(0) == 0xc2 && step.length > 1 && byte(1) < 0xa0);
  return step.kind == Utf8Kind::character && !control ? step.length : 0;
}

}  // namespace

std::string_view name_of(MetadataType type) {
  switch (type) {
    case MetadataType::u8: return "u8";
    case MetadataType::i8: return "i8";
    case MetadataType::u16: return "u16";
    case MetadataType::i16: return "i16";
    case MetadataType::u32: return "u32";
    case MetadataType::i32: return "i32";
    case MetadataType::f32: return "f32";
    case MetadataType::boolean: return "bool";
    case MetadataType::string: return "string";
    case MetadataType::array: return "array";
    case MetadataType::u64: return "u64";
    case MetadataType::i64: return "i64";
    case MetadataType::f64: return "f64";
  }
  assert(false);
  return "";
}

void GgufFile::release(std::span<const std::byte> part) const {
  file.release(part);
  for (const FileMapping& other : parts) other.release(part);
}

uint64_t GgufFile::size() const {
  uint64_t bytes = file.bytes().size();
  for (const FileMapping& part : parts) bytes += part.bytes().size();
  return bytes;
}

const MetadataValue* GgufFile::find(std::string_view key) const {
  const auto found = key_index.find(key);
  return found == key_index.end() ? nullptr : &metadata[found->second].value;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = tensor_index.find(name);
  return found == tensor_index.end() ? nullptr : &tensors[found->second];
}

Expected<uint64_t> get_integer(const GgufFile& file, std::string_view key, uint64_t lowest,
                               uint64_t highest) {
  const MetadataValue* value = file.find(key);
  if (!value) return key_error(file, key, "is missing");
  const std::optional<uint64_t> found = as_unsigned(*value);
  if (!found) return type_error(file, key, *value, "a non-negative integer");
  if (*found < lowest || *found > highest) {
    return key_error(file, key, fmt::format("is {}, outside of {} to {}", *found, lowest, highest));
  }
  return *found;
}

Expected<double> get_number(const GgufFile& file, std::string_view key) {
  const MetadataValue* value = file.find(key);
  if (!value) return key_error(file, key, "is missing");
  if (const std::optional<double> found = as_number(*value)) return *found;
  return type_error(file, key, *value, "a number");
}

Expected<bool> get_boolean(const GgufFile& file, std::string_view key) {
  const MetadataValue* value = file.find(key);
  if (const std::optional<uint64_t> number = value ? as_unsigned(*value) : std::nullopt;
      number && *number <= 1)
    return *number == 1;
  return get<bool>(file, key, "a bool");
}

Expected<std::string_view> get_string(const GgufFile& file, std::string_view key) {
  return get<std::string_view>(file, key, "a string");
}

Expected<std::vector<std::string_view>> get_strings(const GgufFile& file, std::string_view key) {
  TERN_ASSIGN(const auto array, get<MetadataArray>(file, key, "an array of strings"));
  if (array.element != MetadataType::string) return type_error(file, key, array, "an array of strings");
  std::vector<std::string_view> strings;
  strings.reserve(array.count);  // the parser has walked them: they are all there
  const std::byte* at = array.bytes.data();
  for (uint64_t i = 0; i < array.count; ++i) {
    uint64_t length;
    std::memcpy(&length, at, sizeof(length));
    strings.emplace_back(reinterpret_cast<const char*>(at) + sizeof(length), length);
    at += sizeof(length) + length;
  }
  return strings;
}

Expected<std::vector<float>> get_floats(const GgufFile& file, std::string_view key) {
  TERN_ASSIGN(const auto array, get<MetadataArray>(file, key, "an array of f32"));
  if (array.element != MetadataType::f32) return type_error(file, key, array, "an array of f32");
  return elements_of<float>(array);
}

Expected<std::vector<int32_t>> get_integers(const GgufFile& file, std::string_view key) {
  TERN_ASSIGN(const auto array, get<MetadataArray>(file, key, "an array of i32"));
  if (array.element != MetadataType::i32 && array.element != MetadataType::u32) {
    return type_error(file, key, array, "an array of i32");
  }
  return elements_of<int32_t>(array);
}

std::string quote(std::string_view text) {
  constexpr size_t longest = 80;
  std::string result = "'";
  size_t at = 0;
  while (at < text.size() && at < longest) {
    const size_t length = printable_length(text.substr(at));
    if (length > 0) {
      result += text.substr(at, length);
    } else {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    }
    at += std::max<size_t>(1, length);
  }
  return result + (at < text.size() ? "...'" : "'");
}

}  // namespace tern::runtime
