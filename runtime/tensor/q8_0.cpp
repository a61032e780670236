// Q8_0: 34 bytes for 32 elements: f16 d, then 32 signed bytes q; x = d * q.
#include <algorithm>
#include <cmath>

#include "ir/half.h"
#include "runtime/tensor/bytes.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {
namespace {

constexpr size_t block_elements = 32, block_bytes = 34;

std::optional<uint64_t> find_bad(std::span<const std::byte> data, uint64_t elements, I2sOrder) {
  const auto block =
      find_not_finite<uint16_t>(data.data(), elements / block_elements, block_bytes, f16_exponent);
  if (!block) return std::nullopt;
  return *block * block_elements;
}

void read_elements(std::span<const std::byte> row, std::byte* elements) {
  for (size_t block = 0; block < row.size() / block_bytes; ++block)
    std::memcpy(elements + block_elements * block, row.data() + block_bytes * block + 2, block_elements);
}

void read_scales(std::span<const std::byte> row, float* scales) {
  for (size_t block = 0; block < row.size() / block_bytes; ++block)
    scales[block] = ir::f16_to_f32(load<uint16_t>(row.data() + block_bytes * block));
}

void decode(std::span<const std::byte> bytes, std::span<float> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    const std::byte* block = bytes.data() + i / block_elements * block_bytes;
    values[i] = ir::f16_to_f32(load<uint16_t>(block)) *
                static_cast<float>(load<int8_t>(block + 2 + i % block_elements));
  }
}

void encode_block(const float* values, std::byte* block) {
  float largest = 0;
  for (size_t i = 0; i < block_elements; ++i) largest = std::max(largest, std::fabs(values[i]));
  const float d = largest / 127.0f;
  const float inverse = d > 0 ? 1.0f / d : 0.0f;
  store(ir::f32_to_f16(d), block);
  for (size_t i = 0; i < block_elements; ++i) {
    const float q = std::clamp(std::round(values[i] * inverse), -127.0f, 127.0f);
    store(static_cast<int8_t>(q), block + 2 + i);
  }
}

void encode(std::span<const float> values, std::span<std::byte> bytes) {
  for (size_t block = 0; block < values.size() / block_elements; ++block)
    encode_block(values.data() + block * block_elements, bytes.data() + block * block_bytes);
}

}  // namespace

constinit const TensorTypeInfo q8_0_type = {.type = TensorType::q8_0,
                                            .name = "Q8_0",
                                            .size_rule = SizeRule::rows,
                                            .block_elements = block_elements,
                                            .block_bytes = block_bytes,
                                            .weights = {ir::Element::i8, ir::Scaling::group, block_elements},
                                            .find_bad = find_bad,
                                            .decode = decode,
                                            .encode = encode,
                                            .read_elements = read_elements,
                                            .read_scales = read_scales};

}  // namespace tern::runtime
