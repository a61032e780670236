// What the values of a matrix allow beyond what its type promises: no type of two bits says whether its
// fourth code, +2, occurs, and blocks may all have one scale, along each row or throughout.
#pragma once

#include "runtime/tensor/tensor.h"

namespace tern::runtime {

// Sets tensor.weights, and tensor.scale where all scales are merged to one. Without loss: i2 becomes trit if
// +2 does not occur; scales that are equal along each row become one a row, and equal throughout one for the
// tensor (several matrices in a tensor: as one); else, where scales of 2^j neighbouring blocks are equal
// everywhere, the group becomes that much larger, up to 256 inputs, so that the same values have the same
// groups, and the same sums, whatever the type's blocks are. Blocks whose scale is 0 hold zeros, and stand in
// no one's way, but for signs, which have no zero. Reads the whole tensor, at the speed of memory.
// Precondition: tensor.weights is info(tensor.type).weights.
void narrow(Tensor& tensor);

}  // namespace tern::runtime
