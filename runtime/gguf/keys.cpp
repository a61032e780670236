#include "runtime/gguf/keys.h"

#include <fmt/format.h>

#include <cstring>

namespace tern::runtime {

uint32_t Keys::integer(std::string_view name, uint32_t highest) {
  const auto value = get_integer(file_, full(name), 1, highest);
  if (value) return static_cast<uint32_t>(*value);
  note(value.error());
  return 1;
}

float Keys::number(std::string_view name, double lowest, double highest) {
  const auto value = get_number(file_, full(name));
  if (!value) {
    note(value.error());
    return 1;
  }
  if (!(*value >= lowest && *value <= highest))  // also false for NaN
    complain(fmt::format("key '{}' is {}, outside of {} to {}", full(name), *value, lowest, highest));
  return static_cast<float>(*value);
}

std::string_view Keys::text(std::string_view name) {
  if (!has(name)) return {};
  const auto value = get_string(file_, full(name));
  if (value) return *value;
  note(value.error());
  return {};
}

float Keys::same_number(std::string_view name, double lowest, double highest) {
  const MetadataValue* value = file_.find(full(name));
  const MetadataArray* array = value ? std::get_if<MetadataArray>(value) : nullptr;
  if (!array) return number(name, lowest, highest);
  if (array->element != MetadataType::f32 || array->count == 0) {
    complain(fmt::format("key '{}' is no list of f32", full(name)));
    return 1;
  }
  float first = 0;
  for (uint64_t i = 0; i < array->count; ++i) {
    float each = 0;
    std::memcpy(&each, array->bytes.data() + i * sizeof(float), sizeof(float));
    if (i == 0) first = each;
    if (!(each >= lowest && each <= highest) || each != first) {
      complain(fmt::format("key '{}' has {} at index {}: the numbers must be equal and within {} to {}",
                           full(name), each, i, lowest, highest));
      return 1;
    }
  }
  return first;
}

std::vector<bool> Keys::booleans(std::string_view name) {
  const MetadataValue* value = file_.find(full(name));
  const MetadataArray* array = value ? std::get_if<MetadataArray>(value) : nullptr;
  if (!array || array->element != MetadataType::boolean) {
    complain(fmt::format("key '{}' is {}", full(name), value ? "no list of booleans" : "missing"));
    return {};
  }
  std::vector<bool> all;
  for (const std::byte each : array->bytes.first(array->count)) all.push_back(each != std::byte{0});
  return all;
}

}  // namespace tern::runtime
