// The tensor type 42, which three programs gave to three formats: ggml's Q2_0 with blocks of 64 weights,
// PrismML's and CAT-Q's with blocks of 128 (since then PQ2_0, 142), and Tencent's STQ1_0. Nothing in a file
// says which, but where its tensors begin: only one of the sizes fits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/expected.h"
#include "runtime/gguf/gguf.h"

namespace tern::runtime {

// Of several meanings of one number, in their order, those by which each tensor of `type` ends where the next
// tensor begins, up to padding of less than `alignment` bytes, or the data of `data_size` bytes end.
std::vector<TensorType> fitting_meanings(TensorType type, std::span<const TensorType> meanings,
                                         std::span<const GgufTensor> tensors, uint64_t alignment,
                                         uint64_t data_size);

// What 42 means in a file whose tensors are listed with their types, shapes and offsets in the data, in any
// order: q2_0, pq2_0 or stq1_0, whichever of them fits (fitting_meanings).
// Precondition: there is such a tensor (its type is q2_0 so far). Errors, without a location: none fits, or
// several do, as can happen where all such tensors are smaller than a few blocks.
Expected<TensorType> meaning_of_type_42(std::span<const GgufTensor> tensors, uint64_t alignment,
                                        uint64_t data_size);

}  // namespace tern::runtime
