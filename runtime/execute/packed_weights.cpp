#include "runtime/execute/packed_weights.h"

#include <algorithm>
#include <cstring>

#include "ir/half.h"
#include "ir/kernel/pack.h"
#include "runtime/model/tensor_rows.h"

namespace tern::runtime {
namespace {

ir::Layout stored_layout(const Tensor& tensor) {
  switch (tensor.order) {
    case I2sOrder::blocks_of_128: return ir::i2s_layout();
    case I2sOrder::blocks_of_64: break;
  }
  return ir::i2s_64_layout();
}

std::span<const std::byte> row_bytes(const Tensor& tensor, int64_t n) {
  const size_t size = tensor.data.size() / tensor.n;
  return tensor.data.subspan(static_cast<size_t>(n) * size, size);
}

template <class T>
void pack_stored(const Tensor& tensor, const ir::Kernel& kernel, int64_t n_begin, int64_t n_end,
                 PackedWeights& packed) {
  ir::pack_dense<T>(
      kernel.weights, packed.weights.as<T>(), tensor.n, tensor.k, n_begin, n_end,
      [&](int64_t n, T* row) { std::memcpy(row, row_bytes(tensor, n).data(), tensor.k * sizeof(T)); });
}

uint16_t read_u16(const std::byte* bytes) {
  uint16_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// The whole numbers of a row of Q8_0: 32 of them after a scale of two bytes.
void read_q8_0(std::span<const std::byte> bytes, int8_t* values) {
  for (size_t block = 0; block < bytes.size() / 34; ++block)
    std::memcpy(values + 32 * block, bytes.data() + 34 * block + 2, 32);
}

// The whole numbers of a row of Q6_K, less their offset of 32: see decode_row for the format.
void read_q6_k(std::span<const std::byte> bytes, int8_t* values) {
  for (size_t block = 0; block < bytes.size() / 210; ++block) {
    const auto* low = reinterpret_cast<const uint8_t*>(bytes.data()) + 210 * block;
    const uint8_t* high = low + 128;
    int8_t* out = values + 256 * block;
    for (int half = 0; half < 2; ++half, low += 64, high += 32, out += 128) {
      for (int i = 0; i < 32; ++i) {
        for (int quarter = 0; quarter < 4; ++quarter) {
          const int nibble = low[i + 32 * (quarter % 2)] >> (quarter < 2 ? 0 : 4) & 15;
          const int top = high[i] >> 2 * quarter & 3;
          out[32 * quarter + i] = static_cast<int8_t>((nibble | top << 4) - 32);
        }
      }
    }
  }
}

void read_scales(TensorType type, std::span<const std::byte> bytes, float* scales) {
  if (type == TensorType::q8_0) {
    for (size_t block = 0; block < bytes.size() / 34; ++block)
      scales[block] = ir::f16_to_f32(read_u16(bytes.data() + 34 * block));
    return;
  }
  for (size_t block = 0; block < bytes.size() / 210; ++block) {
    const std::byte* start = bytes.data() + 210 * block;
    const float d = ir::f16_to_f32(read_u16(start + 208));
    for (int i = 0; i < 16; ++i)
      scales[16 * block + i] = d * static_cast<float>(static_cast<int8_t>(start[192 + i]));
  }
}

void pack_grouped(const Tensor& tensor, const ir::Kernel& kernel, int64_t n_begin, int64_t n_end,
                  PackedWeights& packed) {
  ir::pack_dense<int8_t>(kernel.weights, packed.weights.as<int8_t>(), tensor.n, tensor.k, n_begin, n_end,
                         [&](int64_t n, int8_t* row) {
                           if (tensor.type == TensorType::q8_0)
                             read_q8_0(row_bytes(tensor, n), row);
                           else
                             read_q6_k(row_bytes(tensor, n), row);
                         });
  const int64_t groups = tensor.k / kernel.problem.w.group;
  ir::pack_dense<float>(*kernel.scales, packed.scales.as<float>(), tensor.n, groups, n_begin, n_end,
                        [&](int64_t n, float* row) { read_scales(tensor.type, row_bytes(tensor, n), row); });
}

// Packs rows n_begin..n_end-1 of the product's matrix, which are rows of one tensor: its first is row `first`
// of the matrix. What is not ternary has one part alone.
void pack_part(const Tensor& tensor, int64_t first, const ir::Kernel& kernel, int64_t n_begin, int64_t n_end,
               PackedWeights& packed) {
  switch (kernel.problem.w.element) {
    case ir::Element::trit: {
      const std::span<const uint8_t> codes{reinterpret_cast<const uint8_t*>(tensor.data.data()),
                                           tensor.data.size()};
      const ir::TritRows source{stored_layout(tensor), codes, tensor.n, n_begin - first};
      return ir::repack_trits(source, kernel.weights, packed.weights.as<uint8_t>(), kernel.problem.n,
                              kernel.problem.k, n_begin, n_end);
    }
    case ir::Element::i8: return pack_grouped(tensor, kernel, n_begin, n_end, packed);
    case ir::Element::f16:
    case ir::Element::bf16: return pack_stored<uint16_t>(tensor, kernel, n_begin, n_end, packed);
    case ir::Element::f32: return pack_stored<float>(tensor, kernel, n_begin, n_end, packed);
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
  using ir::Element, ir::Scaling;
  const int64_t n = tensor.n, k = tensor.k;
  switch (tensor.type) {
    case TensorType::f32: return ir::matmul(m, n, k, {Element::f32, Scaling::none});
    case TensorType::f16: return ir::matmul(m, n, k, {Element::f16, Scaling::none});
    case TensorType::bf16: return ir::matmul(m, n, k, {Element::bf16, Scaling::none});
    case TensorType::q8_0: return ir::matmul(m, n, k, {Element::i8, Scaling::group, 32});
    case TensorType::q6_k: return ir::matmul(m, n, k, {Element::i8, Scaling::group, 16});
    default: break;  // the loader lets nothing else through
  }
  return ir::matmul(m, n, k, {Element::trit, Scaling::tensor});
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
  int64_t first = 0;  // row of the matrix that the part begins at
  for (const Tensor* part : product.parts) {
    const int64_t begin = std::max(n_begin, first), end = std::min(n_end, first + part->n);
    if (begin < end) pack_part(*part, first, kernel, begin, end, packed);
    first += part->n;
  }
}

}  // namespace tern::runtime
