// The tensor type 39, which two programs gave to two formats: bitnet.cpp's TL2 and ggml's MXFP4. Nothing in a
// file says which, but where its tensors begin: TL2 takes 1.7 bits a weight, MXFP4 4.25.
#pragma once

#include <cstdint>
#include <span>

#include "base/expected.h"
#include "runtime/gguf/gguf.h"

namespace tern::runtime {

// What 39 means in a file, as meaning_of_type_42 (type_42.h) tells it of 42: tl2 or mxfp4. Precondition:
// `tensors` holds a tensor of type tl2, as which type 39 is read at first. Errors, without a location:
// neither meaning fits the offsets of all tensors of type 39.
Expected<TensorType> meaning_of_type_39(std::span<const GgufTensor> tensors, uint64_t alignment,
                                        uint64_t data_size);

}  // namespace tern::runtime
