// The ternary matrices of Hugging Face's folders as the bytes of GGUF types. How each kind of BitNet's
// checkpoints holds them is described in transformers' integrations/bitnet.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/expected.h"
#include "runtime/source/safetensors.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {

// Which row of a checkpoint's matrix is row `row` of ours; null where all keep their places.
using RowOrder = std::function<uint64_t(uint64_t row)>;

// The order of the query and key rows of files whose rotary embedding turns neighbours (2i, 2i+1): within
// each head of `head_dimension` rows, row 2i+p is the checkpoint's row p*head_dimension/2 + i, for p of 0
// and 1.
RowOrder rows_of_neighbours(uint32_t head_dimension);

// W[n, k] and its scale in the bytes of an I2_S tensor of blocks of 128. n*k is a multiple of 128 in the
// functions that make it: see i2_s_fits.
using I2sBytes = std::vector<std::byte>;
bool i2_s_fits(uint64_t n, uint64_t k);

// Quantises float weights W[n, k] (BF16, F16 or F32) as BitNet's layers do in every forward pass: with
// s = 1 / max(mean |W|, 1e-5) in f32, q = clamp(round_half_even(W s), -1, 1), and the scale is 1/s, rounded
// to the type of W because that is what these layers multiply by. The mean is summed in double, in the order
// of the file. Error, with no location: a weight that is not finite.
Expected<I2sBytes> quantize_masters(const SafetensorsTensor& weights, const RowOrder& order);

// How a packed checkpoint's weight_scale is meant.
enum class ScaleRule { multiply, divide };

// Unpacks U8 bytes [ceil(n/4), k], where with R = ceil(n/4) bits 2j and 2j+1 of byte [r][c] are the code of
// W[r + jR][c], which is W + 1. `scale` is one number of BF16, F16 or F32. Errors, with no location: the code
// 3; a scale that is not finite and positive.
Expected<I2sBytes> unpack_ternary(const SafetensorsTensor& packed, uint64_t n, const SafetensorsTensor& scale,
                                  ScaleRule rule, const RowOrder& order);

// The type that holds float weights W[n, k] (BF16, F16 or F32) without loss because they are ternary already,
// as in checkpoints that were written out for programs without a ternary type ("unpacked"): in every group of
// 128 (PQ2_0) or else 64 (Q2_0) weights of a row, all that are not 0 have one magnitude, and F16 holds it.
// Nothing where no such type does. Reads W to the first group that refutes it.
std::optional<TensorType> ternary_type_of(const SafetensorsTensor& weights);
// W in the blocks of that type. Precondition: it is ternary_type_of(weights).
std::vector<std::byte> pack_ternary(const SafetensorsTensor& weights, TensorType type, const RowOrder& order);

}  // namespace tern::runtime
