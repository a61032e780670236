// Packing: weights from any layout to any other.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "ir/kernel/layout.h"

namespace tern::ir {

// Weights below are trits, signs or i2: what `to` can hold.

// Inputs first..last-1 of a matrix.
struct InputRange {
  int64_t first = 0;
  int64_t last = 0;
};

// Rewrites rows n_begin..n_end-1 of the weights W[n,k] from one layout to another. `source` and `destination`
// are whole matrices, of the sizes that LayoutMap gives. The padding of the destination is not written: clear
// it before. Several threads may share a matrix if n_begin and n_end are multiples of the divisor of the
// destination's outermost factor of n, or the end.
void repack_trits(const Layout& from, std::span<const uint8_t> source, const Layout& to,
                  std::span<uint8_t> destination, int64_t n, int64_t k, int64_t n_begin, int64_t n_end);

// Rows of a packed matrix W[n,k], from row `first` on.
struct TritRows {
  Layout layout;
  std::span<const uint8_t> bytes;  // the whole matrix
  int64_t n = 0;
  int64_t first = 0;
};
// The same from rows of another matrix: row n_begin of the destination is the first of them.
void repack_trits(const TritRows& source, const Layout& to, std::span<uint8_t> destination, int64_t n,
                  int64_t k, int64_t n_begin, int64_t n_end);

// The same of a part of the inputs: the destination is the matrix of these alone.
void repack_trits(const Layout& from, std::span<const uint8_t> source, const Layout& to,
                  std::span<uint8_t> destination, int64_t n, int64_t k, int64_t n_begin, int64_t n_end,
                  InputRange inputs);

// Packs weights -1, 0, +1 (of i2 +2) that lie row by row, and unpacks to that form. Padding is cleared.
void pack_trits(const Layout& to, std::span<const int8_t> trits, std::span<uint8_t> destination, int64_t n,
                int64_t k);
// Packs rows n_begin..n_end-1 alone; `trits` holds no other rows. Threads may share a matrix as above;
// padding is not written.
void pack_trit_rows(const Layout& to, std::span<const int8_t> trits, std::span<uint8_t> destination,
                    int64_t n, int64_t k, int64_t n_begin, int64_t n_end);
// The same of a part of the inputs: rows of `trits` have k, the destination is the matrix of these alone.
void pack_trit_rows(const Layout& to, std::span<const int8_t> trits, std::span<uint8_t> destination,
                    int64_t n, int64_t k, int64_t n_begin, int64_t n_end, InputRange inputs);
void unpack_trits(const Layout& from, std::span<const uint8_t> source, std::span<int8_t> trits, int64_t n,
                  int64_t k);

// Writes rows n_begin..n_end-1 of dense weights. `read_row(n, row)` fills row[0..k) with the stored form of
// the weights: T is int8_t (i4 and i8), uint16_t (bits of f16 or bf16) or float, as the packing says. Threads
// may share a matrix as above; padding is not written.
template <class T>
void pack_dense(const Layout& to, std::span<T> destination, int64_t n, int64_t k, int64_t n_begin,
                int64_t n_end, const std::function<void(int64_t n, T* row)>& read_row);

// Packs rows n_begin..n_end-1 of weights of quantized problems, whole numbers that lie row by row: trits,
// signs or i2 as pack_trit_rows does, i4 and i8 as pack_dense. `numbers` holds these rows alone; padding is
// not written.
void pack_number_rows(const Layout& to, std::span<const int8_t> numbers, std::span<uint8_t> destination,
                      int64_t n, int64_t k, int64_t n_begin, int64_t n_end);

}  // namespace tern::ir
