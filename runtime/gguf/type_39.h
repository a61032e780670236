// The tensor type 39, which two programs gave to two formats: bitnet.cpp's TL2 and ggml's MXFP4. Nothing in a
// file says which, but where its tensors begin: TL2 takes 1.7 bits a weight, MXFP4 4.25.
#pragma once

#include <cstdint>
#include <span>

#include "base/expected.h"
#include "runtime/gguf/gguf.h"

namespace tern::runtime {

// What 39 means in a file, as meaning_of_type_42 (type_42.h) tells it of 42: tl2 or mxfp4. Precondition:
// there is such a tensor (its type is tl2 so far). Errors, without a location: neither fits all of them.
Expected<TensorType> meaning_of_type_39(std::span<const GgufTensor> tensors, uint64_t alignment,
                                        uint64_t data_size);

}  // namespace tern::runtime
