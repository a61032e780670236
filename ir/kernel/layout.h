// Layouts: the order in which the packed weights of a matrix lie in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ir/kernel/packing.h"

namespace tern::ir {

// m: tokens, n: outputs, k: inputs, e: the matrix W flattened row by row, e = n * K + k (formats whose blocks
// straddle rows count along it), b: the bytes of a packing's group.
enum class Axis : uint8_t { m, n, k, e, b };
char name(Axis axis);

// One digit of a mixed-radix address: (x % modulus) / divisor, where x runs along the axis; a modulus of 0 is
// none (the axis's outermost factor). Printed "n/16", "k%16/4", "n%16", "k".
struct Factor {
  Axis axis = Axis::n;
  int64_t modulus = 0;
  int64_t divisor = 1;
  bool operator==(const Factor&) const = default;
};

// The weights W[n,k] as a nest of factors, outermost first. The innermost weights_per_group positions share a
// group of the packing, the first weight first. The bytes of a group follow each other, unless the factor b
// says where they are: in "g3b5 [n/16, k/96, b, n%16, k%4, k%96/4]" the first bytes of 64 groups lie
// together, then their second bytes. The outermost factor of an axis rounds up: padding belongs to the layout
// and its bytes are 0, whatever weights these are.
struct Layout {
  Packing packing = Packing::b2;
  std::vector<Factor> factors;
  int64_t alignment = 64;  // of the first byte
  bool operator==(const Layout&) const = default;
};

std::string print(const Factor& factor);
std::string print(const Layout& layout);  // "b2 [n/16, k/16, n%16, k%4, k%16/4] align 64"

// A layout of a matrix of given size, with the strides worked out. Positions are counted in weights; the
// group of position p is p / weights_per_group, where it is number p % weights_per_group.
class LayoutMap {
 public:
  // Precondition: check(layout) found nothing.
  LayoutMap(const Layout& layout, int64_t n, int64_t k);

  int64_t position(int64_t n, int64_t k) const;
  int index_in_group(int64_t n, int64_t k) const;
  // Where the first byte of a weight's group is, and how far apart the group's bytes are.
  int64_t byte_offset(int64_t n, int64_t k) const { return byte_offset(position(n, k)); }
  int64_t byte_offset(int64_t position) const;
  int64_t byte_stride() const { return plane_positions_ / weights_per_group(); }

  // Weights that there is room for, padding included; a whole number of groups.
  int64_t positions() const { return positions_; }
  int64_t size_in_bytes() const;

  // Sizes after the rounding up of the outermost factors. For a flattened layout they are n and k.
  int64_t padded_n() const { return padded_n_; }
  int64_t padded_k() const { return padded_k_; }

  // The share of one coordinate in the position: position(n, k) == along_n(n) + along_k(k).
  // Precondition: not flattened.
  int64_t along_n(int64_t n) const;
  int64_t along_k(int64_t k) const;
  bool flattened() const { return flattened_; }

  // How many positions one iteration of a loop moves, if the loop makes `trips` steps of `step` along `axis`
  // and every iteration moves equally far; nothing if some do not.
  std::optional<int64_t> stride(Axis axis, int64_t step, int64_t trips) const;

 private:
  int64_t share(Axis axis, int64_t coordinate) const;

  struct Digit {
    Factor factor;
    int64_t stride;
  };
  int64_t weights_per_group() const { return info(packing_).weights_per_group; }

  Packing packing_;
  std::vector<Digit> digits_;
  int64_t k_;
  int64_t padded_n_, padded_k_;
  int64_t positions_;
  int64_t plane_positions_;  // of the groups whose first bytes lie together
  bool flattened_;
};

// The same bytes in the same order, told by the fewest factors: for 2560 inputs "[n/64, k/64, k%64/16,
// n%64/16, n%16]" is "[n/64, k/16, n%64]". Layouts of a matrix of that size are the same in all but alignment
// if these factors are. Precondition: check(layout) found nothing.
Layout in_fewest_factors(const Layout& layout, int64_t n, int64_t k);

// What is wrong with a layout, in words; empty if nothing is. Every axis's factors must cover it without gap
// or overlap, and the group of the packing must end at a factor's border.
std::vector<std::string> check(const Layout& layout);

// The layouts of exchange formats.
Layout i2s_layout();                   // I2_S as files hold it: blocks of 128 weights in 32 bytes
Layout i2s_64_layout();                // the variant of 64 weights in 16 bytes
Layout plain_layout(Packing packing);  // row-major, each row padded to whole groups

}  // namespace tern::ir
