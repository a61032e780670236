// Q6_K: 210 bytes for 256 elements: the low 4 bits of q (128 bytes), the high 2 bits (64 bytes), 16 signed
// scales s, one for 16 elements, then f16 d; x = d * s * (q - 32), the products taken in f32 in this order.
#include <algorithm>
#include <array>
#include <cmath>

#include "ir/half.h"
#include "runtime/tensor/bytes.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {
namespace {

constexpr size_t block_elements = 256, block_bytes = 210;
constexpr size_t high_bits = 128, scales_begin = 192, d_begin = 208;  // where the parts of a block begin
constexpr size_t group = 16, groups = block_elements / group;         // elements that share a scale

// Where the six bits of an element of a block lie.
struct CodeBits {
  size_t element, low_byte, low_shift, high_byte, high_shift;
};

// Calls function(CodeBits) for each element. Each half of a block (128 elements) is four runs of 32. Runs 0
// and 1 are the low nibbles of 64 bytes, runs 2 and 3 their high nibbles; the high bits of run r are bits 2r
// and 2r+1 of 32 bytes.
template <class Function>
void for_each_code(const Function& function) {
  for (size_t half = 0; half < 2; ++half) {
    for (size_t run = 0; run < 4; ++run) {
      for (size_t i = 0; i < 32; ++i) {
        function(CodeBits{half * 128 + run * 32 + i, half * 64 + run % 2 * 32 + i, run / 2 * 4,
                          high_bits + half * 32 + i, run * 2});
      }
    }
  }
}

std::optional<uint64_t> find_bad(std::span<const std::byte> data, uint64_t elements, I2sOrder) {
  const auto block =
      find_not_finite<uint16_t>(data.data() + d_begin, elements / block_elements, block_bytes, f16_exponent);
  if (!block) return std::nullopt;
  return *block * block_elements;
}

void read_block_elements(const std::byte* block, int8_t* elements) {
  for_each_code([&](const CodeBits& bits) {
    const int low = load<uint8_t>(block + bits.low_byte) >> bits.low_shift & 15;
    const int high = load<uint8_t>(block + bits.high_byte) >> bits.high_shift & 3;
    elements[bits.element] = static_cast<int8_t>((low | high << 4) - 32);
  });
}

void read_block_scales(const std::byte* block, float* scales) {
  const float d = ir::f16_to_f32(load<uint16_t>(block + d_begin));
  for (size_t i = 0; i < groups; ++i)
    scales[i] = d * static_cast<float>(load<int8_t>(block + scales_begin + i));
}

void read_elements(std::span<const std::byte> row, std::byte* elements) {
  for (size_t block = 0; block < row.size() / block_bytes; ++block)
    read_block_elements(row.data() + block * block_bytes,
                        reinterpret_cast<int8_t*>(elements) + block * block_elements);
}

void read_scales(std::span<const std::byte> row, float* scales) {
  for (size_t block = 0; block < row.size() / block_bytes; ++block)
    read_block_scales(row.data() + block * block_bytes, scales + block * groups);
}

void decode(std::span<const std::byte> bytes, std::span<float> values) {
  std::array<int8_t, block_elements> elements;
  std::array<float, groups> scales;
  for (size_t block = 0; block < values.size() / block_elements; ++block) {
    const std::byte* from = bytes.data() + block * block_bytes;
    read_block_elements(from, elements.data());
    read_block_scales(from, scales.data());
    for (size_t i = 0; i < block_elements; ++i)
      values[block * block_elements + i] = scales[i / group] * static_cast<float>(elements[i]);
  }
}

// The element with the largest magnitude, which the code -32 shall stand for, decides the scale of a group.
float scale_of_group(const float* values) {
  float extreme = 0;
  for (size_t i = 0; i < group; ++i) {
    if (std::fabs(values[i]) > std::fabs(extreme)) extreme = values[i];
  }
  return extreme / -32.0f;
}

void encode_block(const float* values, std::byte* block) {
  std::array<float, groups> scales, inverses;
  float largest = 0;
  for (size_t i = 0; i < groups; ++i) {
    scales[i] = scale_of_group(values + i * group);
    largest = std::max(largest, std::fabs(scales[i]));
  }
  std::memset(block, 0, block_bytes);
  const uint16_t d_bits = ir::f32_to_f16(largest / 127.0f);
  const float d = ir::f16_to_f32(d_bits);
  store(d_bits, block + d_begin);
  for (size_t i = 0; i < groups; ++i) {
    const float whole = d > 0 ? std::clamp(std::nearbyint(scales[i] / d), -127.0f, 127.0f) : 0.0f;
    const float scale = d * whole;
    inverses[i] = scale != 0 ? 1.0f / scale : 0.0f;
    store(static_cast<int8_t>(whole), block + scales_begin + i);
  }
  for_each_code([&](const CodeBits& bits) {
    const float inverse = inverses[bits.element / group];
    const float q = std::clamp(std::nearbyint(values[bits.element] * inverse), -32.0f, 31.0f);
    const unsigned code = static_cast<unsigned>(static_cast<int>(q) + 32);
    block[bits.low_byte] |= static_cast<std::byte>((code & 15u) << bits.low_shift);
    block[bits.high_byte] |= static_cast<std::byte>(code >> 4 << bits.high_shift);
  });
}

void encode(std::span<const float> values, std::span<std::byte> bytes) {
  for (size_t block = 0; block < values.size() / block_elements; ++block)
    encode_block(values.data() + block * block_elements, bytes.data() + block * block_bytes);
}

}  // namespace

constinit const TensorTypeInfo q6_k_type = {.type = TensorType::q6_k,
                                            .name = "Q6_K",
                                            .size_rule = SizeRule::rows,
                                            .block_elements = block_elements,
                                            .block_bytes = block_bytes,
                                            .weights = {ir::Element::i8, ir::Scaling::group, group},
                                            .find_bad = find_bad,
                                            .decode = decode,
                                            .encode = encode,
                                            .read_elements = read_elements,
                                            .read_scales = read_scales};

}  // namespace tern::runtime
