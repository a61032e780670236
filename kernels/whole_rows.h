// From a kernel that shares rows of C out to one that ends them, and quantises them for the next product.
#pragma once

#include "ir/kernel/kernel.h"

namespace tern::kernels {

// The kernel with its rows quantised: each call computes whole ones, so threads share out rows alone.
// Precondition: ir::verify(kernel) found nothing, and its weights are ternary.
ir::Kernel with_quantized_rows(ir::Kernel kernel);

}  // namespace tern::kernels
