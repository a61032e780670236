#include "runtime/execute/packed_weights.h"

#include <algorithm>

#include "ir/kernel/pack.h"

namespace tern::runtime {
namespace {

std::span<const std::byte> row_bytes(const Tensor& tensor, int64_t n) {
  const size_t size = tensor.data.size() / tensor.n;
  return tensor.data.subspan(static_cast<size_t>(n) * size, size);
}

// Packs the elements of rows that stand for floats, each stored in a T, and their scales if they have any.
template <class T>
void pack_elements(const Tensor& tensor, const ir::Kernel& kernel, int64_t n_begin, int64_t n_end,
                   PackedWeights& packed) {
  const TensorTypeInfo& type = info(tensor.type);
  ir::pack_dense<T>(kernel.weights, packed.weights.as<T>(), tensor.n, tensor.k, n_begin, n_end,
                    [&](int64_t n, T* row) {
                      type.read_elements(row_bytes(tensor, n), reinterpret_cast<std::byte*>(row));
                    });
  if (!kernel.scales) return;
  const int64_t groups = tensor.k / kernel.problem.w.group;
  ir::pack_dense<float>(*kernel.scales, packed.scales.as<float>(), tensor.n, groups, n_begin, n_end,
                        [&](int64_t n, float* row) { type.read_scales(row_bytes(tensor, n), row); });
}

// Packs rows n_begin..n_end-1 of the product's matrix, all of which are rows of `tensor`; the tensor's first
// row is row `first` of the matrix. Only ternary products have more than one tensor: for others `first` is 0.
void pack_part(const Tensor& tensor, int64_t first, const ir::Kernel& kernel, int64_t n_begin, int64_t n_end,
               PackedWeights& packed) {
  switch (kernel.problem.w.element) {
    case ir::Element::trit: {
      const std::span<const uint8_t> codes{reinterpret_cast<const uint8_t*>(tensor.data.data()),
                                           tensor.data.size()};
      const ir::TritRows source{info(tensor.type).layout(tensor.order), codes, tensor.n, n_begin - first};
      return ir::repack_trits(source, kernel.weights, packed.weights.as<uint8_t>(), kernel.problem.n,
                              kernel.problem.k, n_begin, n_end);
    }
    case ir::Element::i8: return pack_elements<int8_t>(tensor, kernel, n_begin, n_end, packed);
    case ir::Element::f16:
    case ir::Element::bf16: return pack_elements<uint16_t>(tensor, kernel, n_begin, n_end, packed);
    case ir::Element::f32: return pack_elements<float>(tensor, kernel, n_begin, n_end, packed);
    case ir::Element::sign:  // no file that is read holds these
    case ir::Element::i2:
    case ir::Element::i4:
    case ir::Element::u8:
    case ir::Element::i16:
    case ir::Element::i32: break;
  }
}

}  // namespace

ir::Problem problem_of(const Tensor& tensor, int64_t m) {
  return ir::matmul(m, tensor.n, tensor.k, info(tensor.type).weights);
}

Expected<PackedWeights> allocate_packed(const Product& product, const ir::Kernel& kernel) {
  const int64_t n = kernel.problem.n, k = kernel.problem.k;
  PackedWeights packed;
  TERN_ASSIGN(packed.weights, Memory::allocate(ir::LayoutMap(kernel.weights, n, k).size_in_bytes()));
  if (kernel.problem.w.scaling == ir::Scaling::row) {
    packed.scale.assign(static_cast<size_t>(output_stride(kernel.problem)), 0);
    auto next = packed.scale.begin();
    for (const Tensor* part : product.parts) next = std::fill_n(next, part->n, part->scale);
  } else {
    packed.scale = {product.parts[0]->scale};
  }
  if (!kernel.scales) return packed;
  const int64_t groups = ir::ceil_divide(k, kernel.problem.w.group);
  TERN_ASSIGN(packed.scales, Memory::allocate(ir::LayoutMap(*kernel.scales, n, groups).size_in_bytes()));
  return packed;
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
    if (begin < end) pack_part(*part, first, kernel, begin, end, packed);
    first += part->n;
  }
}

}  // namespace tern::runtime
