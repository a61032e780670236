// Ternary matrices as rows of whole numbers and their scales: what a conversion between their types keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/expected.h"
#include "runtime/gguf/gguf_write.h"
#include "runtime/tensor/tensor_type.h"

namespace tern::runtime {

// W[n, k] = scale * number; n counts the rows of all experts. `group` numbers of a row share a scale, and it
// divides k.
struct TernaryRows {
  uint64_t n = 0, k = 0, group = 0;
  // One scale for the whole tensor, and no number but -1, 0 and +1; nothing where scales have to be read.
  std::optional<float> tensor_scale;
  // k numbers, -1 to 2, and k/group scales of a row.
  std::function<void(uint64_t row, std::span<int8_t> numbers, std::span<float> scales)> read;
};

// Whether Tern can read a type so.
bool has_ternary_rows(TensorType type);

// The rows of a tensor's bytes, which must outlive the result. Errors, with no location: a code that stands
// for no weight; elements that are not whole blocks. Precondition: has_ternary_rows(type).
Expected<TernaryRows> ternary_rows(TensorType type, std::span<const uint64_t> dims,
                                   std::span<const std::byte> bytes);

// What a type can hold.
struct TernaryFormat {
  TensorType type;
  uint64_t group = 0;  // 0: one scale for the tensor
  bool half_scales = false;
  bool has_two = false;  // +2 beside -1, 0 and +1
};
// Nothing if Tern cannot write the type. `k` is the length of rows, which are the groups of some types.
std::optional<TernaryFormat> ternary_format(TensorType type, uint64_t k);

// What a matrix loses in a format. All are 0 where every weight and scale stays what it is.
struct TernaryLoss {
  uint64_t mixed = 0;         // weights in groups whose scales differ, where the format has one
  uint64_t twos = 0;          // weights of +2, where the format has none
  uint64_t rounded = 0;       // scales that are no f16 values, where the format has these
  double largest_change = 0;  // of those, relative

  bool is_none() const { return mixed == 0 && twos == 0 && rounded == 0; }
};
TernaryLoss loss_in(const TernaryRows& rows, const TernaryFormat& format);

// The scale whose magnitude all numbers that are not 0 have; 0 if all are 0. Precondition: there is one, as
// loss_in finds out.
float common_scale(const TernaryRows& rows);

// Writes all rows in the format. Scales are rounded to f16 where the format has these; else nothing may be
// lost (see loss_in). A group of zeros has the scale 0 where the format's groups are smaller than the
// matrix's, as ggml writes them. Errors: the sink's.
Status write_ternary(const TernaryRows& rows, const TernaryFormat& format, const ByteSink& sink);

}  // namespace tern::runtime
