// Kinds of weights that can stand for others without loss.
#pragma once

#include "ir/kernel/problem.h"

namespace tern::runtime {

// The narrowest weights that both can be written as: signs are trits, trits are i2, i2 are i4, i4 are i8, and
// anything is floats; a scale of the tensor is one of each row, and one of each of its groups; groups of 128
// are groups of 64 twice.
ir::Operand common_operand(const ir::Operand& a, const ir::Operand& b);

// The weights of a product with f32 activations: whole numbers become i8 with a scale for each group.
ir::Operand dense_operand(const ir::Operand& weights);

}  // namespace tern::runtime
