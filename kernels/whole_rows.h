// From a kernel whose calls may compute parts of rows of C to one that computes whole rows and quantises them
// for the next product.
#pragma once

#include "ir/kernel/kernel.h"

namespace tern::kernels {

// The kernel with its rows quantised: each call computes whole ones, so threads share out rows alone.
// Precondition: ir::verify(kernel) found nothing, and its weights are ternary.
ir::Kernel with_quantized_rows(ir::Kernel kernel);

}  // namespace tern::kernels
