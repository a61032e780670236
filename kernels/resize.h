// A kernel for another number of rows.
#pragma once

#include "ir/kernel/kernel.h"

namespace tern::kernels {

// The same kernel for m rows: its layout and its loops over n and k stay. Steps over m that are larger than m
// shrink, and where one row needs no loops they go or come, as make_kernel would have made them with the same
// knobs; but steps that were small because the kernel had few rows stay small. If ir::verify accepts the
// kernel, it accepts the result.
ir::Kernel resized(ir::Kernel kernel, int64_t m);

}  // namespace tern::kernels
