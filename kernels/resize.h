// A kernel for another number of rows.
#pragma once

#include "ir/kernel/kernel.h"

namespace tern::kernels {

// The same kernel for m rows: its layout and its loops over n and k stay. Steps over m that are larger than m
// shrink to m, and tiles of rows become equally high (16 rows in tiles of up to 12 are twice 8, not 12 and
// 4). Loops over m that one row does not need are removed for m = 1, and added for more rows, as make_kernel
// does. Steps that were small because the kernel had few rows stay small. If ir::verify accepts the kernel,
// it accepts the result.
ir::Kernel resized(ir::Kernel kernel, int64_t m);

}  // namespace tern::kernels
