#include "runtime/convert/i2s_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/tensor/i2_s.h"

namespace tern::runtime {
namespace {

constexpr uint64_t block = block_elements(I2sOrder::blocks_of_128);

// The codes of whole blocks of 128 elements in the other order, and what lies behind them.
Expected<std::vector<std::byte>> turned(std::span<const std::byte> bytes, uint64_t elements) {
  if (elements % block != 0)
    return Error{fmt::format("its {} elements are not whole blocks of 128", elements)};
  const uint64_t code_bytes = elements / 4;
  std::vector<std::byte> result(bytes.begin(), bytes.end());
  std::ranges::fill(std::span(result).first(code_bytes), std::byte{0});
  for (uint64_t first = 0; first < elements; first += block) {
    for (uint64_t i = first; i < first + block; ++i) {
      const CodeBits from = bits_of(i, I2sOrder::blocks_of_64), to = bits_of(i, I2sOrder::blocks_of_128);
      const auto code = static_cast<unsigned>(bytes[from.byte]) >> from.shift & 3u;
      result[to.byte] |= static_cast<std::byte>(code << to.shift);
    }
  }
  return result;
}

}  // namespace

ModelSource from_blocks_of_64(ModelSource source) {
  for (SourceTensor& tensor : source.tensors) {
    if (tensor.type != TensorType::i2_s) continue;
    uint64_t elements = 1;
    for (const uint64_t dim : tensor.dims) elements *= dim;
    const Location where{source.path};
    tensor.read = [read = std::move(tensor.read), elements, where,
                   name = tensor.name]() -> Expected<TensorBytes> {
      TERN_ASSIGN(const TensorBytes bytes, read());
      auto result = turned(bytes.bytes, elements);
      if (!result) return Error{fmt::format("tensor {}: {}", quote(name), result.error().message), where};
      return TensorBytes(result.take());
    };
  }
  return source;
}

}  // namespace tern::runtime
