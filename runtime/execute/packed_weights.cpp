#include "runtime/execute/packed_weights.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/memory.h"
#include "base/paged_memory.h"
#include "ir/half.h"
#include "ir/kernel/pack.h"

namespace tern::runtime {
namespace {

// Rows of a product's matrix that all are rows of one tensor, whose first row is row `first` of the matrix.
struct Part {
  const Tensor* tensor;
  int64_t first, begin, end;
  uint64_t row_of(int64_t n) const { return static_cast<uint64_t>(n - first); }
};

// Whole numbers, as the elements of the kernel's weights.
void pack_numbers(const Part& part, const ir::Kernel& kernel, PackedWeights& packed) {
  const int64_t k = kernel.problem.k, rows_at_once = std::max<int64_t>(16, packing_granularity(kernel));
  std::vector<int8_t> numbers(static_cast<size_t>(rows_at_once * k));
  for (int64_t first = part.begin; first < part.end; first += rows_at_once) {
    const int64_t last = std::min(first + rows_at_once, part.end);
    for (int64_t n = first; n < last; ++n)
      read_numbers(*part.tensor, part.row_of(n),
                   std::span(numbers).subspan(static_cast<size_t>((n - first) * k), static_cast<size_t>(k)));
    ir::pack_number_rows(kernel.weights, numbers, packed.weights.as<uint8_t>(), kernel.problem.n, k, first,
                         last);
  }
}

// One scale for each group of the kernel's weights. The groups of the tensor are as large or whole multiples,
// or it has none.
void pack_scales(const Part& part, const ir::Kernel& kernel, PackedWeights& packed) {
  const int64_t group = kernel.problem.w.group, groups = ir::ceil_divide(kernel.problem.k, group);
  const int64_t own = part.tensor->weights.group;
  std::vector<float> scales(static_cast<size_t>(scales_of_row(*part.tensor)));
  const auto scale_of = [&](int64_t i) {
    return scales[own == 0 ? 0 : static_cast<size_t>(i * group / own)];
  };
  const auto fill = [&]<class T>(std::span<T> to, const auto& convert) {
    ir::pack_dense<T>(*kernel.scales, to, kernel.problem.n, groups, part.begin, part.end,
                      [&](int64_t n, T* row) {
                        read_scales(*part.tensor, part.row_of(n), scales);
                        for (int64_t i = 0; i < groups; ++i) row[i] = convert(scale_of(i));
                      });
  };
  if (kernel.problem.w.scale == ir::Element::f16)
    fill(packed.scales.as<uint16_t>(), ir::f32_to_f16);
  else
    fill(packed.scales.as<float>(), [](float scale) { return scale; });
}

// Floating-point elements: the file's own bits if they are of the same type, else the floats.
template <class T>
void pack_floats(const Part& part, const ir::Kernel& kernel, PackedWeights& packed) {
  const Tensor& tensor = *part.tensor;
  const bool is_own = info(tensor.type).weights.element == kernel.problem.w.element && tensor.scale == 1;
  ir::pack_dense<T>(
      kernel.weights, packed.weights.as<T>(), kernel.problem.n, kernel.problem.k, part.begin, part.end,
      [&](int64_t n, T* row) {
        if (is_own)
          info(tensor.type).read_elements(tensor.row(part.row_of(n)), reinterpret_cast<std::byte*>(row));
        else if constexpr (std::is_same_v<T, float>)
          read_floats(tensor, part.row_of(n), {row, tensor.k});
      });
}

// The codes of a matrix that is no rows, from their layout to the kernel's.
void repack_codes(const Part& part, const ir::Kernel& kernel, PackedWeights& packed) {
  const Tensor& tensor = *part.tensor;
  const std::span<const uint8_t> codes{reinterpret_cast<const uint8_t*>(tensor.data.data()),
                                       tensor.data.size()};
  const ir::TritRows source{info(tensor.type).layout(tensor.order), codes, tensor.n, part.begin - part.first};
  ir::repack_trits(source, kernel.weights, packed.weights.as<uint8_t>(), kernel.problem.n, kernel.problem.k,
                   part.begin, part.end);
}

void pack_part(const Part& part, const ir::Kernel& kernel, PackedWeights& packed) {
  switch (kernel.problem.w.element) {
    case ir::Element::trit:
    case ir::Element::i2:
    case ir::Element::sign:
      if (info(part.tensor->type).layout)
        repack_codes(part, kernel, packed);
      else
        pack_numbers(part, kernel, packed);
      break;
    case ir::Element::i4:
    case ir::Element::i8: pack_numbers(part, kernel, packed); break;
    case ir::Element::f16:
    case ir::Element::bf16: return pack_floats<uint16_t>(part, kernel, packed);
    case ir::Element::f32: return pack_floats<float>(part, kernel, packed);
    case ir::Element::u8:  // no weights are of these
    case ir::Element::i16:
    case ir::Element::i32: return;
  }
  if (kernel.scales) pack_scales(part, kernel, packed);
}

}  // namespace

Product product_of_expert(const Product& product, size_t expert, Tensor& tensor) {
  tensor = product.parts[0]->matrix(expert);
  Product own = product;
  own.parts = {&tensor};
  return own;
}

namespace {

// `bytes` rounded up to whole cache lines, so that what lies behind starts on one.
size_t lines_of(size_t bytes) {
  constexpr size_t line = 64;
  return (bytes + line - 1) / line * line;
}

// The scales of weights without groups.
void set_scale(const Product& product, const ir::Kernel& kernel, PackedWeights& packed) {
  if (kernel.problem.w.scaling == ir::Scaling::row) {
    packed.scale.assign(static_cast<size_t>(output_stride(kernel.problem)), 0);
    auto next = packed.scale.begin();
    for (const Tensor* part : product.parts) {
      for (uint64_t row = 0; row < part->n; ++row) read_scales(*part, row, {&*next++, 1});
    }
  } else {
    packed.scale = {product.parts[0]->scale};
  }
}

// Room for `count` parts of `bytes` each, one behind the other.
Expected<std::vector<PackedBytes>> allocate_parts(size_t bytes, size_t count, WeightMemory& memory) {
  const size_t stride = lines_of(bytes);
  TERN_ASSIGN(const PackedBytes all, memory.allocate(stride * count));
  std::vector<PackedBytes> parts;
  for (size_t i = 0; i < count; ++i) parts.push_back({all.block, all.start + i * stride, bytes});
  return parts;
}

Expected<std::vector<PackedWeights>> allocate(const Product& product, const ir::Kernel& kernel, size_t count,
                                              WeightMemory& memory) {
  const int64_t n = kernel.problem.n, k = kernel.problem.k;
  std::vector<PackedWeights> all(count);
  TERN_ASSIGN(const std::vector<PackedBytes> weights,
              allocate_parts(ir::LayoutMap(kernel.weights, n, k).size_in_bytes(), count, memory));
  for (size_t i = 0; i < count; ++i) {
    all[i].weights = weights[i];
    Tensor tensor;
    const bool is_expert = product.experts > 0;
    const Product own = is_expert ? product_of_expert(product, i, tensor) : product;
    set_scale(own, kernel, all[i]);
  }
  if (!kernel.scales) return all;
  const int64_t groups = ir::ceil_divide(k, kernel.problem.w.group);
  TERN_ASSIGN(const std::vector<PackedBytes> scales,
              allocate_parts(ir::LayoutMap(*kernel.scales, n, groups).size_in_bytes(), count, memory));
  for (size_t i = 0; i < count; ++i) all[i].scales = scales[i];
  return all;
}

}  // namespace

Expected<PackedBytes> WeightMemory::make_block(size_t bytes) const {
  const auto share = [bytes](auto memory) {
    const auto shared = std::make_shared<const decltype(memory)>(std::move(memory));
    return PackedBytes{shared, shared->data(), bytes};
  };
  if (page_folder_) {
    TERN_ASSIGN(PagedMemory paged, PagedMemory::allocate(bytes, *page_folder_));
    return share(std::move(paged));
  }
  TERN_ASSIGN(Memory memory, Memory::allocate(bytes));
  return share(std::move(memory));
}

Expected<PackedBytes> WeightMemory::allocate(size_t bytes) {
  constexpr size_t block_bytes = size_t{32} << 20;
  const size_t needed = lines_of(bytes);
  if (needed > block_bytes / 2) {
    TERN_ASSIGN(PackedBytes own, make_block(needed));
    own.bytes = bytes;
    return own;
  }
  if (needed > block_.bytes - used_) {
    TERN_ASSIGN(block_, make_block(block_bytes));
    used_ = 0;
  }
  return PackedBytes{block_.block, block_.start + std::exchange(used_, used_ + needed), bytes};
}

size_t packed_size(const Product& product, const ir::Kernel& kernel) {
  const int64_t n = kernel.problem.n, k = kernel.problem.k;
  size_t one = lines_of(ir::LayoutMap(kernel.weights, n, k).size_in_bytes());
  if (kernel.scales) {
    const int64_t groups = ir::ceil_divide(k, kernel.problem.w.group);
    one += lines_of(ir::LayoutMap(*kernel.scales, n, groups).size_in_bytes());
  }
  return one * static_cast<size_t>(std::max<int64_t>(product.experts, 1));
}

Expected<PackedWeights> allocate_packed(const Product& product, const ir::Kernel& kernel,
                                        WeightMemory& memory) {
  TERN_ASSIGN(std::vector<PackedWeights> one, allocate(product, kernel, 1, memory));
  return std::move(one[0]);
}

Expected<std::vector<PackedWeights>> allocate_experts(const Product& product, const ir::Kernel& kernel,
                                                      WeightMemory& memory) {
  return allocate(product, kernel, static_cast<size_t>(product.experts), memory);
}

int64_t packing_granularity(const ir::Kernel& kernel) {
  for (const ir::Factor& factor : kernel.weights.factors) {
    if (factor.axis == ir::Axis::n && factor.modulus == 0) return factor.divisor;
  }
  return 1;
}

void pack_rows(const Product& product, const ir::Kernel& kernel, int64_t n_begin, int64_t n_end,
               PackedWeights& packed) {
  int64_t first = 0;  // the row of the matrix that is the part's first
  for (const Tensor* part : product.parts) {
    const int64_t begin = std::max(n_begin, first), end = std::min(n_end, first + part->n);
    if (begin < end) pack_part({part, first, begin, end}, kernel, packed);
    first += part->n;
  }
}

}  // namespace tern::runtime
