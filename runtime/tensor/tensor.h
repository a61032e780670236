// A matrix of a model as its file holds it, and its rows as whole numbers with scales.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "ir/kernel/problem.h"
#include "runtime/tensor/i2_s.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {

// A matrix W[n, k], row after row: n outputs of k inputs each; or `count` of them, one after the other, as
// the experts of a layer are stored.
struct Tensor {
  std::string_view name;
  TensorType type = TensorType::f32;
  uint32_t n = 0, k = 0;
  std::span<const std::byte> data;  // rows (see tensor_rows.h); for I2_S the n*k/4 bytes of codes alone
  uint32_t count = 1;

  // The W of products with this matrix: what its type says, or less where its values allow (narrow.h).
  ir::Operand weights = {};
  // What every weight is multiplied with beside the scales that its row holds: the factor of the file's
  // `.scale` tensor, and if `weights` is scaled by tensor the scale that all weights share.
  float scale = 1;
  I2sOrder order = I2sOrder::blocks_of_128;  // of I2_S

  // Whether products with it can be summed exactly.
  bool has_numbers() const { return info(type).has_numbers(); }
  // One of the `count` matrices, as a tensor of its own.
  Tensor matrix(size_t index) const;
  // The bytes of a row. Precondition: the type's rows are whole blocks (not I2_S).
  std::span<const std::byte> row(uint64_t index) const;
};

// Scales of a row, at the granularity of tensor.weights: k / group rounded up, or 1.
int64_t scales_of_row(const Tensor& tensor);

// The numbers of a row (-1, 0, +1; 2 of i2; those of i4 and i8), and its scales with all factors:
// weight[i] = scales[i / group] * numbers[i], or scales[0] * numbers[i]. Where the scale of a block was 0 and
// has been merged with others, its numbers are 0. Precondition: has_numbers(); the row is below n * count.
void read_numbers(const Tensor& tensor, uint64_t row, std::span<int8_t> numbers);
void read_scales(const Tensor& tensor, uint64_t row, std::span<float> scales);

// How often each number occurs. Precondition: the type is ternary.
CodeCounts count_codes(const Tensor& tensor);

// The row as floats, whatever the type: (scale of the row's type * number) * tensor.scale, or decode_row.
void read_floats(const Tensor& tensor, uint64_t row, std::span<float> values);

}  // namespace tern::runtime
