#include "runtime/source/ternary_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>

#include "ir/half.h"
#include "runtime/gguf/gguf.h"
#include "runtime/tensor/bytes.h"
#include "runtime/tensor/i2_s.h"
#include "runtime/tensor/tensor_rows.h"

namespace tern::runtime {
namespace {

constexpr uint64_t block = block_elements(I2sOrder::blocks_of_128), block_bytes = block / 4;
constexpr uint64_t tail_bytes = 32;

std::optional<TensorType> float_type(SafetensorsType type) {
  switch (type) {
    case SafetensorsType::f32: return TensorType::f32;
    case SafetensorsType::f16: return TensorType::f16;
    case SafetensorsType::bf16: return TensorType::bf16;
    case SafetensorsType::boolean:
    case SafetensorsType::u8:
    case SafetensorsType::i8:
    case SafetensorsType::f8_e5m2:
    case SafetensorsType::f8_e4m3:
    case SafetensorsType::i16:
    case SafetensorsType::u16:
    case SafetensorsType::i32:
    case SafetensorsType::u32:
    case SafetensorsType::f64:
    case SafetensorsType::i64:
    case SafetensorsType::u64: break;
  }
  return std::nullopt;
}

float rounded_to(TensorType type, float value) {
  std::byte bytes[sizeof(float)];
  const auto stored = std::span(bytes).first(info(type).block_bytes);
  encode_row(type, {&value, 1}, stored);
  decode_row(type, stored, {&value, 1});
  return value;
}

// Writes codes as I2_S, one after the other.
class CodeWriter {
 public:
  CodeWriter(uint64_t elements) : bytes_(elements / 4 + tail_bytes) { assert(elements % block == 0); }

  void put(std::span<const uint8_t> codes) {
    for (const uint8_t code : codes) {
      block_codes_[at_ % block] = code;
      if (++at_ % block == 0) flush();
    }
  }
  I2sBytes finish(float scale) {
    assert(at_ / 4 + tail_bytes == bytes_.size());
    store(scale, &bytes_[at_ / 4]);
    return std::move(bytes_);
  }

 private:
  void flush() {
    std::byte* out = &bytes_[(at_ - block) / 4];
    for (uint64_t p = 0; p < block_bytes; ++p) {
      const auto code = [&](uint64_t lane) { return unsigned{block_codes_[lane * block_bytes + p]}; };
      out[p] = static_cast<std::byte>(code(0) << 6 | code(1) << 4 | code(2) << 2 | code(3));
    }
  }

  I2sBytes bytes_;
  uint8_t block_codes_[block];
  uint64_t at_ = 0;
};

// Whether all weights of a group that are not 0 have one magnitude, and F16 holds it. `Bits` are a float's.
template <class Bits>
bool is_ternary_group(TensorType type, std::span<const std::byte> group) {
  constexpr Bits without_sign = static_cast<Bits>(~Bits{0}) >> 1;
  Bits magnitude = 0, other = 0;
  for (size_t at = 0; at < group.size(); at += sizeof(Bits)) {
    Bits bits;
    std::memcpy(&bits, &group[at], sizeof bits);
    bits &= without_sign;
    if (magnitude == 0) magnitude = bits;
    if (bits != 0) other |= bits ^ magnitude;
  }
  if (other != 0) return false;
  float value = 0;
  decode_row(type, std::as_bytes(std::span(&magnitude, 1)), {&value, 1});
  return std::isfinite(value) && rounded_to(TensorType::f16, value) == value;
}

// Of the rows in `data`, of k weights each.
template <class Bits>
std::optional<TensorType> smallest_ternary_type(TensorType type, std::span<const std::byte> data,
                                                uint64_t k) {
  for (const TensorType blocks : {TensorType::pq2_0, TensorType::q2_0}) {
    const uint64_t group = info(blocks).block_elements, bytes = group * sizeof(Bits);
    bool fits = k % group == 0;
    for (size_t at = 0; fits && at < data.size(); at += bytes)
      fits = is_ternary_group<Bits>(type, data.subspan(at, bytes));
    if (fits) return blocks;
  }
  return std::nullopt;
}

}  // namespace

RowOrder rows_of_neighbours(uint32_t head_dimension) {
  return [d = uint64_t{head_dimension}](uint64_t row) {
    const uint64_t within = row % d;
    return row - within + within % 2 * (d / 2) + within / 2;
  };
}

bool i2_s_fits(uint64_t n, uint64_t k) {
  return n * k % block == 0;
}

Expected<I2sBytes> quantize_masters(const SafetensorsTensor& weights, const RowOrder& order) {
  assert(weights.shape.size() == 2);
  const uint64_t n = weights.shape[0], k = weights.shape[1];
  const std::optional<TensorType> type = float_type(weights.type);
  if (!type) return Error{fmt::format("has type {}, not BF16, F16 or F32", info(weights.type).name)};
  const uint64_t row_bytes = k * info(weights.type).bytes;
  std::vector<float> row(k);
  const auto decode = [&](uint64_t r) {
    decode_row(*type, weights.data.subspan(r * row_bytes, row_bytes), row);
  };

  double sum = 0;
  for (uint64_t r = 0; r < n; ++r) {
    decode(r);
    for (const float value : row) sum += std::fabs(double{value});
    if (!std::isfinite(sum)) return Error{fmt::format("holds a weight that is not finite in row {}", r)};
  }
  constexpr float least_mean = 1e-5f;
  const float s = 1.0f / std::max(static_cast<float>(sum / static_cast<double>(n * k)), least_mean);

  CodeWriter writer(n * k);
  std::vector<uint8_t> codes(k);
  for (uint64_t r = 0; r < n; ++r) {
    decode(order ? order(r) : r);
    // Rounding half to even takes 0.5 to 0, so the nearest integer is at least 1 just above it.
    for (uint64_t c = 0; c < k; ++c) {
      const float scaled = row[c] * s;
      codes[c] = static_cast<uint8_t>(1 + (scaled > 0.5f) - (scaled < -0.5f));
    }
    writer.put(codes);
  }
  return writer.finish(rounded_to(*type, 1.0f / s));
}

Expected<I2sBytes> unpack_ternary(const SafetensorsTensor& packed, uint64_t n, const SafetensorsTensor& scale,
                                  ScaleRule rule, const RowOrder& order) {
  assert(packed.shape.size() == 2 && packed.shape[0] == (n + 3) / 4);
  const uint64_t quarter = packed.shape[0], k = packed.shape[1];
  const std::optional<TensorType> type = float_type(scale.type);
  if (!type || scale.elements() != 1)
    return Error{fmt::format("its scale {} is not one number of BF16, F16 or F32", quote(scale.name))};
  float value = 0;
  decode_row(*type, scale.data, {&value, 1});
  if (!(value > 0) || !std::isfinite(value)) return Error{fmt::format("its scale is {}", value)};

  CodeWriter writer(n * k);
  std::vector<uint8_t> codes(k);
  for (uint64_t r = 0; r < n; ++r) {
    const uint64_t from = order ? order(r) : r;
    const auto bytes = packed.data.subspan(from % quarter * k, k);
    const auto shift = static_cast<unsigned>(from / quarter * 2);
    unsigned bad = 0;
    for (uint64_t c = 0; c < k; ++c) {
      const unsigned code = static_cast<unsigned>(bytes[c]) >> shift & 3u;
      bad |= code & code >> 1;
      codes[c] = static_cast<uint8_t>(code);
    }
    if (bad & 1u) return Error{fmt::format("holds the code 3, which stands for no weight, in row {}", from)};
    writer.put(codes);
  }
  return writer.finish(rule == ScaleRule::multiply ? value : 1.0f / value);
}

std::optional<TensorType> ternary_type_of(const SafetensorsTensor& weights) {
  const std::optional<TensorType> type = float_type(weights.type);
  if (!type || weights.shape.size() != 2 || weights.data.empty()) return std::nullopt;
  const uint64_t k = weights.shape[1];
  return *type == TensorType::f32 ? smallest_ternary_type<uint32_t>(*type, weights.data, k)
                                  : smallest_ternary_type<uint16_t>(*type, weights.data, k);
}

std::vector<std::byte> pack_ternary(const SafetensorsTensor& weights, TensorType type,
                                    const RowOrder& order) {
  const TensorTypeInfo& packed = info(type);
  const uint64_t n = weights.shape[0], k = weights.shape[1], group = packed.block_elements;
  const uint64_t from_bytes = weights.data.size() / n, to_bytes = k / group * packed.block_bytes;
  std::vector<std::byte> bytes(n * to_bytes);
  std::vector<float> row(k), scales(k / group);
  std::vector<int8_t> trits(k);
  for (uint64_t r = 0; r < n; ++r) {
    decode_row(*float_type(weights.type),
               weights.data.subspan((order ? order(r) : r) * from_bytes, from_bytes), row);
    std::ranges::fill(scales, 0.0f);
    for (uint64_t c = 0; c < k; ++c) {
      trits[c] = static_cast<int8_t>((row[c] > 0) - (row[c] < 0));
      if (row[c] != 0) scales[c / group] = std::fabs(row[c]);
    }
    packed.write_numbers(trits, scales, std::span(bytes).subspan(r * to_bytes, to_bytes));
  }
  return bytes;
}

}  // namespace tern::runtime
