// I2_S matrices of a source in blocks of 128, which is what conversions read.
#pragma once

#include "runtime/source/model_source.h"

namespace tern::runtime {

// The source with its I2_S matrices turned, as they are read, from blocks of 64 (runtime/tensor/i2_s.h) into
// blocks of 128. Reading fails where a matrix is not whole blocks of both.
ModelSource from_blocks_of_64(ModelSource source);

}  // namespace tern::runtime
