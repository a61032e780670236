// The matrix of a product, repacked from a model file into the layout that its kernels read.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/expected.h"
#include "ir/kernel/kernel.h"
#include "runtime/execute/product.h"
#include "runtime/model/model.h"

namespace tern::runtime {

// A part of a block of memory that it shares with others.
struct PackedBytes {
  std::shared_ptr<const void> block;  // keeps the memory
  std::byte* start = nullptr;
  size_t bytes = 0;

  std::byte* data() const { return start; }
  size_t size() const { return bytes; }
  template <class T>
  std::span<T> as() const {
    return {reinterpret_cast<T*>(data()), bytes / sizeof(T)};
  }
};

// Memory for packed weights, in parts of large blocks: a matrix that has a block to itself lies on small
// pages behind its last whole huge page, all of it if it is smaller than one, and is then read a fifth
// slower. (Measured on Sapphire Rapids: 2560 x 2560 ternary weights in 1.4 MB, 108 us instead of 88.)
class WeightMemory {
 public:
  WeightMemory() = default;
  // The blocks' pages lie in files of this folder: see base/paged_memory.h.
  explicit WeightMemory(std::filesystem::path page_folder) : page_folder_(std::move(page_folder)) {}

  // A part that starts on a cache line. Its block is freed with the last of its parts.
  // Errors: there is not enough memory, of kind machine; those of PagedMemory.
  Expected<PackedBytes> allocate(size_t bytes);

 private:
  Expected<PackedBytes> make_block(size_t bytes) const;

  std::optional<std::filesystem::path> page_folder_;
  PackedBytes block_;
  size_t used_ = 0;  // bytes of the block
};

struct PackedWeights {
  PackedBytes weights;
  PackedBytes scales;        // one for each group, if weights are scaled by group; else empty
  std::vector<float> scale;  // of ternary weights: sw[1] if scaled per tensor, sw[output_stride] if per n
};

// Bytes of the packed form of a product's matrix or matrices in the layouts of `kernel`, with their scales.
size_t packed_size(const Product& product, const ir::Kernel& kernel);
// Room in `memory` for the packed form of a product's matrix in the layouts of `kernel`, and its scales.
Expected<PackedWeights> allocate_packed(const Product& product, const ir::Kernel& kernel,
                                        WeightMemory& memory);
// The same for each of the matrices of a product of experts, one behind the other.
Expected<std::vector<PackedWeights>> allocate_experts(const Product& product, const ir::Kernel& kernel,
                                                      WeightMemory& memory);
// The product of one of the experts; `tensor` becomes its part, and must outlive it.
Product product_of_expert(const Product& product, size_t expert, Tensor& tensor);

// Packs rows n_begin..n_end-1 of the product's matrix. Rows may be shared out among threads in multiples of
// `packing_granularity`. Precondition: check_values found nothing in its tensors.
void pack_rows(const Product& product, const ir::Kernel& kernel, int64_t n_begin, int64_t n_end,
               PackedWeights& packed);
int64_t packing_granularity(const ir::Kernel& kernel);

}  // namespace tern::runtime
