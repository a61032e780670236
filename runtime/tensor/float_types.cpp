// F32, F16 and BF16: elements that stand for themselves.
#include "ir/half.h"
#include "runtime/tensor/bytes.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {
namespace {

template <class Word, Word exponent>
std::optional<uint64_t> find_bad(std::span<const std::byte> data, uint64_t elements, I2sOrder) {
  return find_not_finite<Word>(data.data(), elements, sizeof(Word), exponent);
}

void copy_elements(std::span<const std::byte> row, std::byte* elements) {
  std::memcpy(elements, row.data(), row.size());
}

void decode_f32(std::span<const std::byte> bytes, std::span<float> values) {
  std::memcpy(values.data(), bytes.data(), bytes.size());
}
void encode_f32(std::span<const float> values, std::span<std::byte> bytes) {
  std::memcpy(bytes.data(), values.data(), bytes.size());
}

template <float (*to_f32)(uint16_t)>
void decode_halves(std::span<const std::byte> bytes, std::span<float> values) {
  for (size_t i = 0; i < values.size(); ++i) values[i] = to_f32(load<uint16_t>(bytes.data() + 2 * i));
}
template <uint16_t (*from_f32)(float)>
void encode_halves(std::span<const float> values, std::span<std::byte> bytes) {
  for (size_t i = 0; i < values.size(); ++i) store(from_f32(values[i]), bytes.data() + 2 * i);
}

}  // namespace

constinit const TensorTypeInfo f32_type = {.type = TensorType::f32,
                                           .name = "F32",
                                           .size_rule = SizeRule::rows,
                                           .block_elements = 1,
                                           .block_bytes = 4,
                                           .weights = {ir::Element::f32, ir::Scaling::none},
                                           .find_bad = find_bad<uint32_t, f32_exponent>,
                                           .decode = decode_f32,
                                           .encode = encode_f32,
                                           .read_elements = copy_elements};

constinit const TensorTypeInfo f16_type = {.type = TensorType::f16,
                                           .name = "F16",
                                           .size_rule = SizeRule::rows,
                                           .block_elements = 1,
                                           .block_bytes = 2,
                                           .weights = {ir::Element::f16, ir::Scaling::none},
                                           .find_bad = find_bad<uint16_t, f16_exponent>,
                                           .decode = decode_halves<ir::f16_to_f32>,
                                           .encode = encode_halves<ir::f32_to_f16>,
                                           .read_elements = copy_elements};

constinit const TensorTypeInfo bf16_type = {.type = TensorType::bf16,
                                            .name = "BF16",
                                            .size_rule = SizeRule::rows,
                                            .block_elements = 1,
                                            .block_bytes = 2,
                                            .weights = {ir::Element::bf16, ir::Scaling::none},
                                            .find_bad = find_bad<uint16_t, bf16_exponent>,
                                            .decode = decode_halves<ir::bf16_to_f32>,
                                            .encode = encode_halves<ir::f32_to_bf16>,
                                            .read_elements = copy_elements};

}  // namespace tern::runtime
