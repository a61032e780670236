#include "runtime/convert/ternary_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include "ir/half.h"
#include "runtime/tensor/bytes.h"
#include "runtime/tensor/i2_s.h"

namespace tern::runtime {
namespace {

constexpr I2sOrder order = I2sOrder::blocks_of_128;
constexpr uint64_t i2_s_block = block_elements(order), i2_s_block_bytes = i2_s_block / 4, i2_s_tail = 32;
constexpr size_t piece_bytes = size_t{1} << 18;

// Collects bytes and hands them on in pieces.
class Pieces {
 public:
  explicit Pieces(const ByteSink& sink) : sink_(sink) {}
  std::span<std::byte> next(size_t bytes) {
    held_.resize(held_.size() + bytes);
    return std::span(held_).last(bytes);
  }
  Status flush(size_t at_least = 1) {
    if (held_.size() < at_least) return {};
    TERN_TRY(sink_(held_));
    held_.clear();
    return {};
  }

 private:
  const ByteSink& sink_;
  std::vector<std::byte> held_;
};

// The type whose rows can be read one by one.
const TensorTypeInfo& readable_rows(TensorType type) {
  const TensorTypeInfo& found = info(type);
  return found.rewritten_as ? *found.rewritten_as : found;
}

// What a type of rows has for a group.
uint64_t group_of(const TensorTypeInfo& type, uint64_t k) {
  return type.weights.scaling == ir::Scaling::group ? static_cast<uint64_t>(type.weights.group) : k;
}

Expected<TernaryRows> scaled_rows(const TensorTypeInfo& type, uint64_t n, uint64_t k,
                                  std::span<const std::byte> bytes) {
  const TensorTypeInfo& rows = readable_rows(type.type);
  if (k % rows.block_elements != 0 || n % type.rows_together != 0)
    return Error{fmt::format("{} x {} weights are not whole {} blocks", n, k, type.name)};
  if (type.find_bad) {
    if (const auto bad = type.find_bad(bytes, n * k, order))
      return Error{fmt::format("{} in row {}", type.fault, *bad / k)};
  }
  const uint64_t size = row_bytes(rows, k);
  const auto read = [&type, &rows, bytes, k, size](uint64_t row, std::span<int8_t> numbers,
                                                   std::span<float> scales) {
    std::vector<std::byte> apart;
    auto from = bytes.subspan(row * size, type.rewritten_as ? 0 : size);
    if (type.rewritten_as) {
      const uint64_t first = row / type.rows_together * type.rows_together;
      apart.resize(type.rows_together * size);
      type.rewrite(bytes.subspan(first * size, apart.size()), k, apart);
      from = std::span<const std::byte>(apart).subspan((row - first) * size, size);
    }
    rows.read_elements(from, reinterpret_cast<std::byte*>(numbers.data()));
    rows.read_scales(from, scales.data());
  };
  return TernaryRows{.n = n, .k = k, .group = group_of(rows, k), .tensor_scale = {}, .read = read};
}

Expected<TernaryRows> i2_s_rows(uint64_t n, uint64_t k, std::span<const std::byte> bytes) {
  if (n * k % i2_s_block != 0)
    return Error{fmt::format("its {} elements are not whole blocks of 128", n * k)};
  const auto codes = bytes.first(n * k / 4);
  if (const auto bad = find_bad_code(codes, order))
    return Error{fmt::format("holds the code 3, which stands for no weight, in row {}", *bad / k)};
  const float scale = load<float>(&bytes[codes.size()]);
  if (!std::isfinite(scale)) return Error{fmt::format("its scale is {}", scale)};
  return TernaryRows{
      .n = n,
      .k = k,
      .group = k,
      .tensor_scale = scale,
      .read = [codes, k, scale](uint64_t row, std::span<int8_t> numbers, std::span<float> scales) {
        read_codes(codes, row * k, order, numbers);
        scales[0] = scale;
      }};
}

Status write_i2_s(const TernaryRows& rows, const ByteSink& sink) {
  assert(rows.n * rows.k % i2_s_block == 0);
  const float scale = common_scale(rows);
  Pieces pieces(sink);
  std::vector<int8_t> numbers(rows.k);
  std::vector<float> scales(rows.k / rows.group);
  unsigned codes[i2_s_block];
  uint64_t filled = 0;
  for (uint64_t row = 0; row < rows.n; ++row) {
    rows.read(row, numbers, scales);
    for (uint64_t i = 0; i < rows.k; ++i) {
      const float own = scales[i / rows.group];
      const int sign = own == scale ? 1 : own == 0 ? 0 : -1;
      codes[filled] = static_cast<unsigned>(numbers[i] * sign + 1);
      if (++filled < i2_s_block) continue;
      filled = 0;
      const auto out = pieces.next(i2_s_block_bytes);
      for (uint64_t p = 0; p < i2_s_block_bytes; ++p)
        out[p] =
            static_cast<std::byte>(codes[p] << 6 | codes[p + 32] << 4 | codes[p + 64] << 2 | codes[p + 96]);
    }
    TERN_TRY(pieces.flush(piece_bytes));
  }
  store(scale, pieces.next(i2_s_tail).data());
  return pieces.flush();
}

void count_rounding(float scale, TernaryLoss& loss) {
  const float rounded = ir::f16_to_f32(ir::f32_to_f16(scale));
  if (rounded == scale) return;
  ++loss.rounded;
  loss.largest_change =
      std::max(loss.largest_change, std::fabs(double{rounded} - scale) / std::fabs(double{scale}));
}

}  // namespace

bool has_ternary_rows(TensorType type) {
  return type == TensorType::i2_s || (readable_rows(type).is_ternary() && readable_rows(type).read_scales);
}

Expected<TernaryRows> ternary_rows(TensorType type, std::span<const uint64_t> dims,
                                   std::span<const std::byte> bytes) {
  assert(has_ternary_rows(type) && !dims.empty());
  uint64_t n = 1;
  for (const uint64_t dim : dims.subspan(1)) n *= dim;
  return type == TensorType::i2_s ? i2_s_rows(n, dims[0], bytes) : scaled_rows(info(type), n, dims[0], bytes);
}

std::optional<TernaryFormat> ternary_format(TensorType type, uint64_t k) {
  if (type == TensorType::i2_s) return TernaryFormat{.type = type};
  const TensorTypeInfo& found = info(type);
  const bool holds_all =
      found.is_ternary() && found.weights.element != ir::Element::sign && !found.one_zero_in_four;
  if (!holds_all || !found.write_numbers) return std::nullopt;
  return TernaryFormat{.type = type,
                       .group = group_of(found, k),
                       .half_scales = found.weights.scale == ir::Element::f16,
                       .has_two = found.weights.element == ir::Element::i2};
}

TernaryLoss loss_in(const TernaryRows& rows, const TernaryFormat& format) {
  TernaryLoss loss;
  if (rows.tensor_scale) {
    if (format.half_scales) count_rounding(*rows.tensor_scale, loss);
    return loss;
  }
  const uint64_t wide = format.group == 0 ? rows.n * rows.k : format.group;
  std::vector<int8_t> numbers(rows.k);
  std::vector<float> scales(rows.k / rows.group);
  float scale = 0;  // of the group of the format that is being read; 0 until a weight is not 0
  uint64_t in_group = 0;
  for (uint64_t row = 0; row < rows.n; ++row) {
    rows.read(row, numbers, scales);
    for (uint64_t i = 0; i < rows.k; ++i) {
      float own = scales[i / rows.group];
      if (format.group == 0) own = std::fabs(own);  // numbers can take the sign
      if (numbers[i] != 0 && own != 0) {
        if (scale == 0) scale = own;
        loss.mixed += own != scale;
        loss.twos += numbers[i] == 2 && !format.has_two;
      }
      if (++in_group < wide) continue;
      if (format.half_scales && scale != 0) count_rounding(scale, loss);
      scale = 0;
      in_group = 0;
    }
  }
  return loss;
}

float common_scale(const TernaryRows& rows) {
  if (rows.tensor_scale) return *rows.tensor_scale;
  std::vector<int8_t> numbers(rows.k);
  std::vector<float> scales(rows.k / rows.group);
  for (uint64_t row = 0; row < rows.n; ++row) {
    rows.read(row, numbers, scales);
    for (uint64_t i = 0; i < rows.k; ++i) {
      if (numbers[i] != 0 && scales[i / rows.group] != 0) return std::fabs(scales[i / rows.group]);
    }
  }
  return 0;
}

Status write_ternary(const TernaryRows& rows, const TernaryFormat& format, const ByteSink& sink) {
  if (format.group == 0) return write_i2_s(rows, sink);
  const TensorTypeInfo& type = info(format.type);
  Pieces pieces(sink);
  std::vector<int8_t> numbers(rows.k);
  std::vector<float> scales(rows.k / rows.group), wide(rows.k / format.group);
  for (uint64_t row = 0; row < rows.n; ++row) {
    rows.read(row, numbers, scales);
    for (uint64_t g = 0; g < wide.size(); ++g) {
      const uint64_t first = g * format.group;
      // The first group with weights decides; where there is none, the first group's scale stays.
      wide[g] = rows.tensor_scale ? 0 : scales[first / rows.group];
      for (uint64_t i = format.group; i-- > 0;) {
        const float own = scales[(first + i) / rows.group];
        int8_t& number = numbers[first + i];
        if (own == 0 && (format.group > rows.group || number == 2)) number = 0;
        if (number != 0) wide[g] = own;
      }
      if (format.half_scales) wide[g] = ir::f16_to_f32(ir::f32_to_f16(wide[g]));
    }
    type.write_numbers(numbers, wide, pieces.next(row_bytes(type, rows.k)));
    TERN_TRY(pieces.flush(piece_bytes));
  }
  return pieces.flush();
}

}  // namespace tern::runtime
