#include "runtime/tensor/tensor_type.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cassert>
#include <limits>
#include <vector>

namespace tern::runtime {
namespace {

// Types of which this program knows no more than the size.
constexpr TensorTypeInfo sized(TensorType type, std::string_view name, uint32_t block_elements,
                               uint32_t block_bytes) {
  return {type, name, SizeRule::rows, block_elements, block_bytes};
}

// Types of which it knows that a user may ask why they cannot be read.
constexpr TensorTypeInfo unknown(TensorType type, std::string_view name, std::string_view remark) {
  return {.type = type, .name = name, .remark = remark};
}

constexpr TensorTypeInfo others[] = {
    sized(TensorType::q4_1, "Q4_1", 32, 20),
    sized(TensorType::q5_0, "Q5_0", 32, 22),
    sized(TensorType::q5_1, "Q5_1", 32, 24),
    sized(TensorType::q2_k, "Q2_K", 256, 84),
    sized(TensorType::q3_k, "Q3_K", 256, 110),
    sized(TensorType::q5_k, "Q5_K", 256, 176),
    sized(TensorType::i8, "I8", 1, 1),
    sized(TensorType::i16, "I16", 1, 2),
    sized(TensorType::i32, "I32", 1, 4),
    sized(TensorType::i64, "I64", 1, 8),
    sized(TensorType::f64, "F64", 1, 8),
    unknown(TensorType::nvfp4, "NVFP4", "its elements are four-bit floats"),
    sized(TensorType::mxfp4, "MXFP4", 32, 17),
};

// Types that this program reads, in the order in which messages name them.
constexpr const TensorTypeInfo* readable[] = {
    &f32_type,    &f16_type,    &bf16_type,   &q8_0_type,   &q6_k_type,      &q4_k_type,  &q4_0_type,
    &iq4_nl_type, &i2_s_type,   &tq1_0_type,  &tq2_0_type,  &q2_0_type,      &pq2_0_type, &ptq1_0_type,
    &q1_0_type,   &stq1_0_type, &iq1_bn_type, &iq2_bn_type, &iq2_bn_r4_type, &tl1_type,   &tl2_type};

constexpr uint64_t largest = std::numeric_limits<int64_t>::max();

}  // namespace

const TensorTypeInfo* find_tensor_type(uint32_t id) {
  for (const TensorTypeInfo* type : readable) {
    if (static_cast<uint32_t>(type->type) == id) return type;
  }
  for (const TensorTypeInfo& type : others) {
    if (static_cast<uint32_t>(type.type) == id) return &type;
  }
  return nullptr;
}

const TensorTypeInfo& info(TensorType type) {
  const TensorTypeInfo* found = find_tensor_type(static_cast<uint32_t>(type));
  assert(found);
  return *found;
}

std::span<const TensorTypeInfo* const> readable_types() {
  return readable;
}

std::string names_of_types(bool (*is_one)(const TensorTypeInfo& type)) {
  std::vector<std::string_view> names;
  for (const TensorTypeInfo* type : readable) {
    if (is_one(*type)) names.push_back(type->name);
  }
  if (names.empty()) return "";
  const std::string_view last = names.back();
  names.pop_back();
  if (names.empty()) return std::string(last);
  return fmt::format("{} or {}", fmt::join(names, ", "), last);
}

std::string_view name_of(TensorType type) {
  return info(type).name;
}

Expected<uint64_t> tensor_bytes(TensorType type, std::span<const uint64_t> dims) {
  uint64_t elements = 1;
  for (const uint64_t dim : dims) {
    if (__builtin_mul_overflow(elements, dim, &elements) || elements > largest) {
      return Error{"the product of its dimensions does not fit 63 bits"};
    }
  }
  const TensorTypeInfo& found = info(type);
  switch (found.size_rule) {
    case SizeRule::rows: {
      const uint64_t row_elements = dims.empty() ? 1 : dims[0];
      if (row_elements % found.block_elements != 0) {
        return Error{fmt::format("a row of {} elements is not a whole number of {} blocks of {}",
                                 row_elements, found.name, found.block_elements)};
      }
      const uint64_t rows = row_elements == 0 ? 0 : elements / row_elements;
      if (rows % found.rows_together != 0) {
        return Error{fmt::format("{} rows are not a multiple of the {} that {} holds together", rows,
                                 found.rows_together, found.name)};
      }
      uint64_t bytes = elements / found.block_elements, headers = 0;
      if (__builtin_mul_overflow(bytes, uint64_t{found.block_bytes}, &bytes) ||
          __builtin_mul_overflow(rows, uint64_t{found.row_header_bytes}, &headers) ||
          __builtin_add_overflow(bytes, headers, &bytes) || bytes > largest) {
        return Error{"its size in bytes does not fit 63 bits"};
      }
      return bytes;
    }
    case SizeRule::flat:
      if (elements % found.block_elements != 0) {
        return Error{fmt::format("{} elements do not fill {} bytes of {}", elements, found.name,
                                 found.block_elements)};
      }
      return elements / found.block_elements * found.block_bytes + found.tail_bytes;
    case SizeRule::own: {
      const uint64_t k = dims.empty() ? 1 : dims[0];
      const auto bytes = k == 0 ? std::nullopt : found.own_bytes(elements / k, k);
      if (!bytes || *bytes > largest)
        return Error{fmt::format("{} elements in rows of {} are no {} matrix", elements, k, found.name)};
      return *bytes;
    }
    case SizeRule::unknown: break;
  }
  return Error{fmt::format("type {} ({}) cannot be read{}{}", found.name, static_cast<uint32_t>(type),
                           found.remark.empty() ? "" : ": ", found.remark)};
}

}  // namespace tern::runtime
