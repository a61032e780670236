// check_values of model.h: one pass over a matrix's bytes, shaped so that the compiler makes vector code of
// it.
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <optional>

#include "ir/half.h"
#include "runtime/model/model.h"

namespace tern::runtime {
namespace {

// The first of `count` little-endian words, `stride` bytes apart, whose exponent bits are all set: infinity
// or NaN.
template <class Word>
std::optional<uint64_t> find_not_finite(const std::byte* bytes, uint64_t count, uint64_t stride,
                                        Word exponent) {
  constexpr uint64_t piece = 4096;
  const auto word = [&](uint64_t i) {
    Word value;
    std::memcpy(&value, bytes + i * stride, sizeof(value));
    return value;
  };
  for (uint64_t start = 0; start < count; start += piece) {
    const uint64_t end = std::min(count, start + piece);
    Word bad = 0;
    for (uint64_t i = start; i < end; ++i) bad |= static_cast<Word>((word(i) & exponent) == exponent);
    if (bad == 0) continue;
    for (uint64_t i = start; i < end; ++i) {
      if ((word(i) & exponent) == exponent) return i;
    }
  }
  return std::nullopt;
}

constexpr uint32_t f32_exponent = 0x7f800000u;
constexpr uint16_t f16_exponent = 0x7c00u, bf16_exponent = 0x7f80u;

// The flattened element that is bad, or begins a bad block.
std::optional<uint64_t> find_bad_element(const Tensor& tensor) {
  const std::byte* data = tensor.data.data();
  const uint64_t elements = uint64_t{tensor.n} * tensor.k;
  if (tensor.type == TensorType::i2_s) return find_bad_code(tensor.data, tensor.order);
  if (tensor.type == TensorType::f32) return find_not_finite<uint32_t>(data, elements, 4, f32_exponent);
  if (tensor.type == TensorType::f16) return find_not_finite<uint16_t>(data, elements, 2, f16_exponent);
  if (tensor.type == TensorType::bf16) return find_not_finite<uint16_t>(data, elements, 2, bf16_exponent);
  // Q8_0 and Q6_K: an f16 scale a block, at its begin and at its end.
  assert(tensor.type == TensorType::q8_0 || tensor.type == TensorType::q6_k);
  const TensorTypeRow& row = row_of(tensor.type);
  const uint64_t scale_at = tensor.type == TensorType::q8_0 ? 0 : row.block_bytes - sizeof(uint16_t);
  const auto block = find_not_finite<uint16_t>(data + scale_at, elements / row.block_elements,
                                               row.block_bytes, f16_exponent);
  if (!block) return std::nullopt;
  return *block * row.block_elements;
}

}  // namespace

Status check_values(const Tensor& tensor, const std::string& path) {
  const std::optional<uint64_t> bad = find_bad_element(tensor);
  if (!bad) return {};
  const std::string_view fault = tensor.type == TensorType::i2_s
                                     ? "holds the code 3, which stands for no weight,"
                                     : "holds a value that is not finite";
  return Error{fmt::format("tensor {} {} at row {}, column {}", quote(tensor.name), fault, *bad / tensor.k,
                           *bad % tensor.k),
               {path}};
}

}  // namespace tern::runtime
