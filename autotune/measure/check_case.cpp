#include "autotune/measure/check_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/counter_random.h"
#include "ir/half.h"
#include "ir/kernel/pack.h"

namespace tern::autotune {
namespace {

// Multiples of 0.001 in [-2, 2].
float small_float(uint64_t position) {
  return static_cast<float>(split_mix(position) % 4001) / 1000 - 2;
}

// Rows of activations that differ. No tile of the space has this number of rows or a multiple, or a kernel
// that takes one tile for another would pass.
constexpr int64_t distinct_rows = 11;

// Outputs at either end that are known, where all would take too long.
constexpr int64_t max_weights = int64_t{1} << 26, outputs_at_an_end = 1024;

}  // namespace

CheckCase::CheckCase(const ir::Problem& problem) : problem_(problem), small_(problem) {
  const int64_t n = problem.n;
  if (n * problem.k <= max_weights || n <= 2 * outputs_at_an_end)
    known_ = {{0, n, 0}};
  else
    known_ = {{0, outputs_at_an_end, 0}, {n - outputs_at_an_end, n, outputs_at_an_end}};
  small_.n = known_.back().before + known_.back().count();
  small_.m = distinct_rows;
  if (problem.is_quantized())
    choose_trits();
  else
    choose_dense();
  expected_ = reference(small_, inputs_);
  if (!problem.is_quantized()) encode_dense_weights();
}

void CheckCase::choose_trits() {
  const bool signs = problem_.w.element == ir::Element::sign;
  const int64_t low = lowest(problem_.w.element);
  const auto values = static_cast<uint64_t>(highest(problem_.w.element) - low + 1);
  inputs_.trits.resize(small_.n * small_.k);
  for (size_t i = 0; i < inputs_.trits.size(); ++i)
    inputs_.trits[i] = static_cast<int8_t>(signs ? static_cast<int64_t>(split_mix(i) % 2) * 2 - 1
                                                 : static_cast<int64_t>(split_mix(i) % values) + low);
  inputs_.quantized.resize(small_.m * small_.k);
  for (size_t i = 0; i < inputs_.quantized.size(); ++i)
    inputs_.quantized[i] = static_cast<int8_t>(static_cast<int>(split_mix(~i) % 255) - 127);
  // The second row is as large as can be, so that sums that are too narrow show.
  for (int64_t k = 0; k < small_.k; ++k)
    inputs_.quantized[small_.k + k] = static_cast<int8_t>(inputs_.trits[k] < 0 ? -127 : 127);
  const int64_t scales = small_.a.group > 0 ? ir::ceil_divide(small_.k, small_.a.group) : 1;
  for (int64_t i = 0; i < small_.m * scales; ++i)
    inputs_.activation_scales.push_back(std::abs(small_float(i)) * 50 + 1);
  inputs_.weight_scale = 0.37f;
  for (int64_t n = 0; n < small_.n; ++n) inputs_.output_scales.push_back(small_float(n));
  choose_group_scales();
}

// Values that their type holds.
void CheckCase::choose_group_scales() {
  if (small_.w.scaling != ir::Scaling::group) return;
  const int64_t groups = ir::ceil_divide(small_.k, small_.w.group);
  for (int64_t i = 0; i < small_.n * groups; ++i) {
    const float scale = small_float(i);
    inputs_.group_scales.push_back(small_.w.scale == ir::Element::f16 ? ir::f16_to_f32(ir::f32_to_f16(scale))
                                                                      : scale);
  }
}

void CheckCase::choose_dense() {
  const ir::Packing packing = *ir::packing_named(name(problem_.w.element));
  const bool whole = problem_.w.scaling == ir::Scaling::group;
  const auto low = whole ? static_cast<int64_t>(lowest(problem_.w.element)) : 0;
  const int64_t count = whole ? static_cast<int64_t>(highest(problem_.w.element)) - low + 1 : 1;
  inputs_.dense.resize(small_.n * small_.k);
  for (size_t i = 0; i < inputs_.dense.size(); ++i) {
    // Rounded as they will be stored.
    uint8_t bytes[4] = {};
    const auto number = static_cast<int64_t>(split_mix(i) % static_cast<uint64_t>(count));
    encode_dense(packing, bytes, whole ? static_cast<float>(low + number) : small_float(i));
    inputs_.dense[i] = decode_dense(packing, bytes);
  }
  choose_group_scales();
  for (int64_t i = 0; i < small_.m * small_.k; ++i) inputs_.activations.push_back(small_float(i));
}

// Once, not for each layout.
void CheckCase::encode_dense_weights() {
  const ir::Packing packing = *ir::packing_named(name(problem_.w.element));
  const auto bytes = static_cast<size_t>(info(packing).bytes_per_group);
  dense_.resize(inputs_.dense.size() * bytes);
  for (size_t i = 0; i < inputs_.dense.size(); ++i) {
    if (packing == ir::Packing::i4)
      dense_[i] = static_cast<std::byte>(static_cast<int8_t>(inputs_.dense[i]));  // as pack_dense takes them
    else
      encode_dense(packing, reinterpret_cast<uint8_t*>(&dense_[i * bytes]), inputs_.dense[i]);
  }
  inputs_.dense = {};
}

template <class T>
void CheckCase::pack_dense_weights(const ir::Layout& layout, std::byte* destination) const {
  const ir::LayoutMap map(layout, problem_.n, problem_.k);
  const std::span<T> whole(reinterpret_cast<T*>(destination), map.size_in_bytes() / sizeof(T));
  for (const Known& part : known_) {
    const std::byte* rows = dense_.data() + part.before * problem_.k * sizeof(T);
    ir::pack_dense<T>(layout, whole, problem_.n, problem_.k, part.begin, part.end, [&](int64_t n, T* row) {
      const size_t bytes = problem_.k * sizeof(T);
      std::memcpy(row, rows + (n - part.begin) * bytes, bytes);
    });
  }
}

void CheckCase::pack_weights(const ir::Layout& layout, std::byte* destination) const {
  if (problem_.is_quantized()) {
    const ir::LayoutMap map(layout, problem_.n, problem_.k);
    const std::span<uint8_t> whole(reinterpret_cast<uint8_t*>(destination), map.size_in_bytes());
    for (const Known& part : known_) {
      const auto rows = std::span(inputs_.trits).subspan(part.before * problem_.k);
      ir::pack_number_rows(layout, rows, whole, problem_.n, problem_.k, part.begin, part.end);
    }
    return;
  }
  switch (info(layout.packing).bytes_per_group) {
    case 1: return pack_dense_weights<int8_t>(layout, destination);
    case 2: return pack_dense_weights<uint16_t>(layout, destination);
    default: return pack_dense_weights<float>(layout, destination);
  }
}

template <class T, class Stored>
void CheckCase::pack_scales_as(const ir::Layout& layout, std::byte* destination, Stored stored) const {
  const int64_t groups = ir::ceil_divide(problem_.k, problem_.w.group);
  const ir::LayoutMap map(layout, problem_.n, groups);
  const std::span<T> whole(reinterpret_cast<T*>(destination), map.positions());
  for (const Known& part : known_) {
    const float* rows = &inputs_.group_scales[part.before * groups];
    ir::pack_dense<T>(layout, whole, problem_.n, groups, part.begin, part.end, [&](int64_t n, T* row) {
      const float* scales = rows + (n - part.begin) * groups;
      std::transform(scales, scales + groups, row, stored);
    });
  }
}

void CheckCase::pack_scales(const ir::Layout& layout, std::byte* destination) const {
  if (problem_.w.scale == ir::Element::f16)
    pack_scales_as<uint16_t>(layout, destination, [](float scale) { return ir::f32_to_f16(scale); });
  else
    pack_scales_as<float>(layout, destination, [](float scale) { return scale; });
}

void CheckCase::fill(const ir::Buffer& buffer, std::byte* destination) const {
  switch (buffer.role) {
    case ir::BufferRole::activations: return fill_activations(buffer, destination);
    case ir::BufferRole::activation_sums:
      return fill_activation_sums(buffer, reinterpret_cast<int32_t*>(destination));
    case ir::BufferRole::activation_scales:
      for (int64_t m = 0; m < buffer.size; ++m)
        reinterpret_cast<float*>(destination)[m] = inputs_.activation_scales[m % small_.m];
      return;
    case ir::BufferRole::activation_factors: {
      const int64_t stride = group_stride(problem_, problem_.a.group),
                    groups = ir::ceil_divide(problem_.k, problem_.a.group);
      for (int64_t m = 0; m < buffer.size / stride; ++m)
        std::copy_n(&inputs_.activation_scales[m % small_.m * groups], groups,
                    reinterpret_cast<float*>(destination) + m * stride);
      return;
    }
    case ir::BufferRole::weight_scales: return fill_weight_scales(reinterpret_cast<float*>(destination));
    case ir::BufferRole::none:
    case ir::BufferRole::weights:
    case ir::BufferRole::group_scales:
    case ir::BufferRole::tables_low:
    case ir::BufferRole::tables_high:
    case ir::BufferRole::residual:
    case ir::BufferRole::gate:
    case ir::BufferRole::partial_sums:
    case ir::BufferRole::output:
    case ir::BufferRole::quantized_output:
    case ir::BufferRole::output_sums:
    case ir::BufferRole::output_scales: return;
  }
}

// Of each row, or of each group of exact sums.
void CheckCase::fill_activation_sums(const ir::Buffer& buffer, int32_t* sums) const {
  const int64_t k = problem_.k, group = problem_.is_grouped() ? problem_.sum_group() : k;
  const int64_t stride = problem_.is_grouped() ? group_stride(problem_, group) : 1;
  for (int64_t m = 0; m < buffer.size / stride; ++m) {
    const auto row = std::span(inputs_.quantized).subspan(m % small_.m * k, k);
    for (int64_t first = 0; first < k; first += group) {
      const auto part = row.subspan(first, std::min(group, k - first));
      sums[m * stride + first / group] = std::accumulate(part.begin(), part.end(), int32_t{0});
    }
  }
}

void CheckCase::fill_activations(const ir::Buffer& buffer, std::byte* destination) const {
  const int64_t k = problem_.k, stride = activation_stride(problem_);
  for (int64_t m = 0; m < buffer.size / stride; ++m) {
    const int64_t from = m % small_.m * k;
    if (problem_.is_quantized())
      std::copy_n(&inputs_.quantized[from], k, reinterpret_cast<int8_t*>(destination) + m * stride);
    else
      std::copy_n(&inputs_.activations[from], k, reinterpret_cast<float*>(destination) + m * stride);
  }
}

void CheckCase::fill_weight_scales(float* scales) const {
  if (problem_.w.scaling == ir::Scaling::tensor) scales[0] = inputs_.weight_scale;
  if (problem_.w.scaling != ir::Scaling::row) return;
  for (const Known& part : known_)
    std::copy_n(&inputs_.output_scales[part.before], part.count(), scales + part.begin);
}

std::string CheckCase::compare(const float* c, int64_t m) const {
  const auto same = [](const float* a, const float* b, int64_t count) {
    return std::memcmp(a, b, count * sizeof(float)) == 0;
  };
  for (int64_t row = 0; row < m; ++row) {
    for (const Known& part : known_) {
      const float* is = c + row * output_stride(problem_) + part.begin;
      const float* should = &expected_[row % small_.m * small_.n + part.before];
      if (same(is, should, part.count())) continue;
      int64_t i = 0;
      while (same(is + i, should + i, 1)) ++i;
      return fmt::format("C[{},{}] is {} and should be {}", row, part.begin + i, is[i], should[i]);
    }
  }
  return {};
}

}  // namespace tern::autotune
