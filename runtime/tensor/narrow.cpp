#include "runtime/tensor/narrow.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <vector>

namespace tern::runtime {
namespace {

// Which scales are equal, by their bits: what has been seen of a row, or of a tensor.
class EqualScales {
 public:
  void see(float scale, bool zero_counts) {
    if (scale == 0 && !zero_counts) return;
    if (!first_) first_ = scale;
    are_equal_ &= std::bit_cast<uint32_t>(scale) == std::bit_cast<uint32_t>(*first_);
  }
  bool are_equal() const { return are_equal_; }
  float scale() const { return first_.value_or(0.0f); }

 private:
  std::optional<float> first_;
  bool are_equal_ = true;
};

// Inputs of the largest block that any type has: groups grow no further.
constexpr int64_t max_merged_group = 256;

// The largest power of two, at most `limit`, of neighbouring blocks that share a scale throughout the row. It
// divides the number of blocks.
size_t blocks_together(std::span<const float> scales, bool zero_counts, size_t limit) {
  size_t together = limit;
  while (scales.size() % together != 0) together /= 2;
  const auto all_equal = [&](size_t blocks) {
    for (size_t first = 0; first < scales.size(); first += blocks) {
      EqualScales equal;
      for (const float scale : scales.subspan(first, blocks)) equal.see(scale, zero_counts);
      if (!equal.are_equal()) return false;
    }
    return true;
  };
  while (together > 1 && !all_equal(together)) together /= 2;
  return together;
}

}  // namespace

void narrow(Tensor& tensor) {
  const TensorTypeInfo& type = info(tensor.type);
  const uint64_t rows = uint64_t{tensor.n} * tensor.count;
  if (tensor.weights.element == ir::Element::i2 && type.has_two) {
    bool found = false;
    for (uint64_t row = 0; row < rows && !found; ++row) found = type.has_two(tensor.row(row));
    if (!found) tensor.weights.element = ir::Element::trit;
  }
  if (!type.is_ternary() || !type.read_scales) return;
  const bool zero_counts = tensor.weights.element == ir::Element::sign;
  std::vector<float> scales(static_cast<size_t>(type.weights.scaling == ir::Scaling::group
                                                    ? ir::ceil_divide(int64_t{tensor.k}, type.weights.group)
                                                    : 1));
  EqualScales all;
  bool rows_are_equal = true;
  const int64_t most = std::max<int64_t>(1, max_merged_group / std::max<int64_t>(1, type.weights.group));
  size_t together = std::bit_floor(std::min(scales.size(), static_cast<size_t>(most)));
  for (uint64_t row = 0; row < rows && (rows_are_equal || together > 1); ++row) {
    EqualScales of_row;
    type.read_scales(tensor.row(row), scales.data());
    for (const float scale : scales) {
      of_row.see(scale, zero_counts);
      all.see(scale, zero_counts);
    }
    rows_are_equal = rows_are_equal && of_row.are_equal();
    together = blocks_together(scales, zero_counts, together);
  }
  if (!rows_are_equal) {
    tensor.weights.group *= static_cast<int64_t>(together);
    return;
  }
  tensor.weights = {tensor.weights.element, all.are_equal() ? ir::Scaling::tensor : ir::Scaling::row};
  if (all.are_equal()) tensor.scale *= all.scale();
}

}  // namespace tern::runtime
