#include "runtime/model/tensor_rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>

#include "ir/half.h"

namespace tern::runtime {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are read in place: little-endian only");

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
void store(T value, std::byte* to) {
  std::memcpy(to, &value, sizeof(T));
}

// ---- Q8_0 ----

constexpr size_t q8_0_elements = 32, q8_0_bytes = 34;

void decode_q8_0(const std::byte* block, float* values) {
  const float d = ir::f16_to_f32(load<uint16_t>(block));
  for (size_t i = 0; i < q8_0_elements; ++i) values[i] = d * static_cast<float>(load<int8_t>(block + 2 + i));
}

void encode_q8_0(const float* values, std::byte* block) {
  float largest = 0;
  for (size_t i = 0; i < q8_0_elements; ++i) largest = std::max(largest, std::fabs(values[i]));
  const float d = largest / 127.0f;
  const float inverse = d > 0 ? 1.0f / d : 0.0f;
  store(ir::f32_to_f16(d), block);
  for (size_t i = 0; i < q8_0_elements; ++i) {
    const float q = std::clamp(std::round(values[i] * inverse), -127.0f, 127.0f);
    store(static_cast<int8_t>(q), block + 2 + i);
  }
}

// ---- Q6_K ----

constexpr size_t q6_k_elements = 256, q6_k_bytes = 210;
constexpr size_t q6_k_high = 128, q6_k_scales = 192, q6_k_d = 208;  // where the parts of a block begin
constexpr size_t q6_k_group = 16;                                   // elements that share a scale

// Where the six bits of an element lie.
struct Q6Place {
  size_t low_byte, low_shift, high_byte, high_shift;
};

// Each half of a block (128 elements) is four runs of 32. Runs 0 and 1 are the low nibbles of 64 bytes, runs
// 2 and 3 their high nibbles; the high bits of run r are bits 2r and 2r+1 of 32 bytes.
constexpr Q6Place q6_place(size_t element) {
  const size_t half = element / 128, run = element % 128 / 32, lane = element % 32;
  return {half * 64 + run % 2 * 32 + lane, run / 2 * 4, q6_k_high + half * 32 + lane, run * 2};
}

void decode_q6_k(const std::byte* block, float* values) {
  const float d = ir::f16_to_f32(load<uint16_t>(block + q6_k_d));
  for (size_t i = 0; i < q6_k_elements; ++i) {
    const Q6Place place = q6_place(i);
    const int low = load<uint8_t>(block + place.low_byte) >> place.low_shift & 15;
    const int high = load<uint8_t>(block + place.high_byte) >> place.high_shift & 3;
    const float scale = d * static_cast<float>(load<int8_t>(block + q6_k_scales + i / q6_k_group));
    values[i] = scale * static_cast<float>((low | high << 4) - 32);
  }
}

// The element with the largest magnitude, which the code -32 shall stand for, decides the scale of a group.
float q6_group_scale(const float* values) {
  float extreme = 0;
  for (size_t i = 0; i < q6_k_group; ++i) {
    if (std::fabs(values[i]) > std::fabs(extreme)) extreme = values[i];
  }
  return extreme / -32.0f;
}

void encode_q6_k(const float* values, std::byte* block) {
  std::array<float, q6_k_elements / q6_k_group> scales;
  float largest = 0;
  for (size_t group = 0; group < scales.size(); ++group) {
    scales[group] = q6_group_scale(values + group * q6_k_group);
    largest = std::max(largest, std::fabs(scales[group]));
  }
  std::memset(block, 0, q6_k_bytes);
  const uint16_t d_bits = ir::f32_to_f16(largest / 127.0f);
  const float d = ir::f16_to_f32(d_bits);
  store(d_bits, block + q6_k_d);
  for (size_t group = 0; group < scales.size(); ++group) {
    const float whole = d > 0 ? std::clamp(std::nearbyint(scales[group] / d), -127.0f, 127.0f) : 0.0f;
    const float scale = d * whole;
    const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
    store(static_cast<int8_t>(whole), block + q6_k_scales + group);
    for (size_t i = group * q6_k_group; i < (group + 1) * q6_k_group; ++i) {
      const float q = std::clamp(std::nearbyint(values[i] * inverse), -32.0f, 31.0f);
      const unsigned code = static_cast<unsigned>(static_cast<int>(q) + 32);
      const Q6Place place = q6_place(i);
      block[place.low_byte] |= static_cast<std::byte>((code & 15u) << place.low_shift);
      block[place.high_byte] |= static_cast<std::byte>(code >> 4 << place.high_shift);
    }
  }
}

}  // namespace

bool has_rows(TensorType type) {
  return type == TensorType::f32 || type == TensorType::f16 || type == TensorType::bf16 ||
         type == TensorType::q8_0 || type == TensorType::q6_k;
}

void decode_row(TensorType type, std::span<const std::byte> bytes, std::span<float> values) {
  assert(has_rows(type));
  assert(values.size() % row_of(type).block_elements == 0);
  assert(bytes.size() == values.size() / row_of(type).block_elements * row_of(type).block_bytes);
  const std::byte* from = bytes.data();
  const size_t n = values.size();
  if (type == TensorType::f32) std::memcpy(values.data(), from, bytes.size());
  if (type == TensorType::f16) {
    for (size_t i = 0; i < n; ++i) values[i] = ir::f16_to_f32(load<uint16_t>(from + 2 * i));
  }
  if (type == TensorType::bf16) {
    for (size_t i = 0; i < n; ++i) values[i] = ir::bf16_to_f32(load<uint16_t>(from + 2 * i));
  }
  if (type == TensorType::q8_0) {
    for (size_t i = 0; i < n; i += q8_0_elements, from += q8_0_bytes) decode_q8_0(from, &values[i]);
  }
  if (type == TensorType::q6_k) {
    for (size_t i = 0; i < n; i += q6_k_elements, from += q6_k_bytes) decode_q6_k(from, &values[i]);
  }
}

void encode_row(TensorType type, std::span<const float> values, std::span<std::byte> bytes) {
  assert(has_rows(type));
  assert(values.size() % row_of(type).block_elements == 0);
  assert(bytes.size() == values.size() / row_of(type).block_elements * row_of(type).block_bytes);
  std::byte* to = bytes.data();
  const size_t n = values.size();
  if (type == TensorType::f32) std::memcpy(to, values.data(), bytes.size());
  if (type == TensorType::f16) {
    for (size_t i = 0; i < n; ++i) store(ir::f32_to_f16(values[i]), to + 2 * i);
  }
  if (type == TensorType::bf16) {
    for (size_t i = 0; i < n; ++i) store(ir::f32_to_bf16(values[i]), to + 2 * i);
  }
  if (type == TensorType::q8_0) {
    for (size_t i = 0; i < n; i += q8_0_elements, to += q8_0_bytes) encode_q8_0(&values[i], to);
  }
  if (type == TensorType::q6_k) {
    for (size_t i = 0; i < n; i += q6_k_elements, to += q6_k_bytes) encode_q6_k(&values[i], to);
  }
}

}  // namespace tern::runtime
