// The matrix of a product, repacked from a model file into the layout that its kernels read.
#pragma once

#include "base/expected.h"
#include "base/memory.h"
#include "ir/kernel/kernel.h"
#include "runtime/execute/product.h"
#include "runtime/model/model.h"

namespace tern::runtime {

struct PackedWeights {
  Memory weights;
  Memory scales;             // one for each group, if weights are scaled by group; else empty
  std::vector<float> scale;  // of weights without groups: sw[1] if scaled per tensor, sw[output_stride] per n
};

// Room for the packed form of a product's matrix in the layouts of `kernel`, and its scales.
Expected<PackedWeights> allocate_packed(const Product& product, const ir::Kernel& kernel);

// Packs rows n_begin..n_end-1 of the product's matrix. Rows may be shared out among threads in multiples of
// `packing_granularity`. Precondition: check_values found nothing in its tensors.
void pack_rows(const Product& product, const ir::Kernel& kernel, int64_t n_begin, int64_t n_end,
               PackedWeights& packed);
int64_t packing_granularity(const ir::Kernel& kernel);

}  // namespace tern::runtime
