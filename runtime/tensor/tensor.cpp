#include "runtime/tensor/tensor.h"

#include <algorithm>
#include <cassert>
#include <vector>

#include "runtime/tensor/tensor_rows.h"

namespace tern::runtime {
namespace {

// Scales of a row as the type's bytes hold them.
int64_t stored_scales(const TensorTypeInfo& type, int64_t k) {
  return type.weights.scaling == ir::Scaling::group ? ir::ceil_divide(k, type.weights.group) : 1;
}

std::vector<float> read_stored_scales(const Tensor& tensor, uint64_t row) {
  const TensorTypeInfo& type = info(tensor.type);
  std::vector<float> scales(static_cast<size_t>(stored_scales(type, tensor.k)));
  type.read_scales(tensor.row(row), scales.data());
  return scales;
}

bool is_merged(const Tensor& tensor) {
  const ir::Operand& stored = info(tensor.type).weights;
  return info(tensor.type).read_scales &&
         (tensor.weights.scaling != stored.scaling || tensor.weights.group != stored.group);
}

// A block of scale 0 holds zeros, whatever its numbers: it must when its scale is another's.
void clear_blocks_of_zero(const Tensor& tensor, uint64_t row, std::span<int8_t> numbers) {
  const std::vector<float> scales = read_stored_scales(tensor, row);
  const size_t block = ir::ceil_divide(numbers.size(), scales.size());
  for (size_t i = 0; i < scales.size(); ++i) {
    if (scales[i] == 0)
      std::ranges::fill(numbers.subspan(i * block, std::min(block, numbers.size() - i * block)), int8_t{0});
  }
}

}  // namespace

Tensor Tensor::matrix(size_t index) const {
  assert(index < count);
  Tensor one = *this;
  one.count = 1;
  one.data = data.subspan(data.size() / count * index, data.size() / count);
  return one;
}

std::span<const std::byte> Tensor::row(uint64_t index) const {
  const uint64_t bytes = row_bytes(info(type), k);
  return data.subspan(index * bytes, bytes);
}

int64_t scales_of_row(const Tensor& tensor) {
  return tensor.weights.scaling == ir::Scaling::group
             ? ir::ceil_divide(static_cast<int64_t>(tensor.k), tensor.weights.group)
             : 1;
}

void read_numbers(const Tensor& tensor, uint64_t row, std::span<int8_t> numbers) {
  const TensorTypeInfo& type = info(tensor.type);
  assert(type.has_numbers() && numbers.size() == tensor.k);
  if (type.layout) return read_codes(tensor.data, row * tensor.k, tensor.order, numbers);
  type.read_elements(tensor.row(row), reinterpret_cast<std::byte*>(numbers.data()));
  if (is_merged(tensor)) clear_blocks_of_zero(tensor, row, numbers);
}

void read_scales(const Tensor& tensor, uint64_t row, std::span<float> scales) {
  assert(static_cast<int64_t>(scales.size()) == scales_of_row(tensor));
  if (tensor.weights.scaling == ir::Scaling::tensor) {
    scales[0] = tensor.scale;
    return;
  }
  const std::vector<float> stored = read_stored_scales(tensor, row);
  // A scale of tensor.weights stands for that of each of `together` stored blocks. Blocks whose stored scale
  // is 0 hold zeros, so the first scale that is not 0 is right for all; narrow() has checked that they are
  // equal.
  const size_t together = ir::ceil_divide(stored.size(), scales.size());
  for (size_t i = 0; i < scales.size(); ++i) {
    const auto merged =
        std::span(stored).subspan(i * together).first(std::min(together, stored.size() - i * together));
    const auto first = std::ranges::find_if(merged, [](float scale) { return scale != 0; });
    scales[i] = first == merged.end() ? merged.front() * tensor.scale : *first * tensor.scale;
  }
}

CodeCounts count_codes(const Tensor& tensor) {
  if (info(tensor.type).count_codes) return info(tensor.type).count_codes(tensor.data);
  CodeCounts counts;
  std::vector<int8_t> numbers(tensor.k);
  for (uint64_t row = 0; row < uint64_t{tensor.n} * tensor.count; ++row) {
    read_numbers(tensor, row, numbers);
    for (const int8_t number : numbers)
      ++(number < 0 ? counts.minus : number == 0 ? counts.zero : number == 1 ? counts.plus : counts.two);
  }
  return counts;
}

void read_floats(const Tensor& tensor, uint64_t row, std::span<float> values) {
  const TensorTypeInfo& type = info(tensor.type);
  if (type.has_rows() && !is_merged(tensor)) {
    decode_row(tensor.type, tensor.row(row), values);
    if (tensor.scale != 1) std::ranges::for_each(values, [&](float& value) { value *= tensor.scale; });
    return;
  }
  std::vector<int8_t> numbers(tensor.k);
  std::vector<float> scales(static_cast<size_t>(scales_of_row(tensor)));
  read_numbers(tensor, row, numbers);
  read_scales(tensor, row, scales);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = scales[tensor.weights.group == 0 ? 0 : i / static_cast<size_t>(tensor.weights.group)] *
                static_cast<float>(numbers[i]);
}

}  // namespace tern::runtime
