// The buffers of a Program: memory that it reads and writes, each with a role that says what it holds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ir/type.h"

namespace tern::ir {

// What a buffer holds. Callers bind memory by it.
enum class BufferRole : uint8_t {
  none,  // scratch, and the buffers of programs that no kernel was lowered to
  weights,
  group_scales,
  activations,
  tables_low,
  tables_high,
  activation_sums,
  activation_scales,
  activation_factors,
  weight_scales,
  residual,
  gate,
  partial_sums,
  output,
  quantized_output,
  output_sums,
  output_scales,
};

struct BufferRoleInfo {
  BufferRole role;
  std::string_view name;     // of such a buffer: in texts, and in a bundle's C interface
  std::string_view meaning;  // as the C header of a bundle explains it
};

// The names are those of the formula C[m,n] = sum over k of A[m,k] * W[n,k]. A buffer has one of these names
// exactly when it has that role.
inline constexpr std::array<BufferRoleInfo, 17> buffer_roles = {{
    {BufferRole::none, "", ""},
    {BufferRole::weights, "W",
     "the weights, packed as the W line of the layout says: a packing, then the digits of a mixed-radix "
     "address, outermost first (n%8/4 is (n modulo 8) / 4). Padding is zero. Layouts differ between targets"},
    {BufferRole::group_scales, "S",
     "if weights are scaled in groups of inputs: their scales, in the order of the S line of the layout"},
    {BufferRole::activations, "A",
     "the activations, row after row, k + 128 rounded up to 256 elements apart, zero past k. For weights of "
     "type trit they are i8: round(a * sa[m]), half to even"},
    {BufferRole::tables_low, "T",
     "in place of A, where sums of activations are looked up: the low bytes of the look-up tables"},
    {BufferRole::tables_high, "H", "the high bytes of the same tables"},
    {BufferRole::activation_sums, "asum",
     "for A of i8: the sum of each row of A; if sums are exact per group of g inputs, row after row the sums "
     "of the "
     "groups, (k + 128 rounded up to 256) / g, rounded up, of a row"},
    {BufferRole::activation_scales, "sa",
     "if A is quantised per row: the scale of each row of A, 127 / max(|a|, 1e-5)"},
    {BufferRole::activation_factors, "da",
     "if A is quantised per group of g inputs: max(|a|, 1e-5) / 127 of each group, in rows like those of "
     "asum"},
    {BufferRole::weight_scales, "sw", "the one scale of W, or if it is scaled per n, one for each output"},
    {BufferRole::residual, "R", "what the epilogue adds to C, laid out like C. It may be C itself"},
    {BufferRole::gate, "G", "what the epilogue gates C with, laid out like C"},
    {BufferRole::partial_sums, "P", "i32 sums of other inputs, which the epilogue adds, laid out like C"},
    {BufferRole::output, "C",
     "the result, row after row, n + 128 rounded up to 256 elements apart. What lies past n is scratch"},
    {BufferRole::quantized_output, "Q",
     "the rows of C quantised, if the epilogue says so: the A of a kernel with k of this n"},
    {BufferRole::output_sums, "qsum", "the sum of each row of Q: the asum of such a kernel"},
    {BufferRole::output_scales, "sq", "the scale of each row of Q: the sa of such a kernel"},
}};
static_assert(buffer_roles.back().role == BufferRole::output_scales);

constexpr const BufferRoleInfo& info(BufferRole role) {
  return buffer_roles[static_cast<size_t>(role)];
}
constexpr std::string_view name(BufferRole role) {
  return info(role).name;
}
// The role of buffers that have this name; `none` of all other names.
BufferRole role_named(std::string_view name);

enum class BufferKind : uint8_t {
  input,
  output,
  scratch,  // the program's own, empty at the start of each iteration of the parallel loops
};
std::string_view name(BufferKind kind);

// Memory that the caller hands over, but for scratch. The order of the buffers is the order of the pointers
// in a call; scratch comes last and has none.
struct Buffer {
  std::string name;
  Element element = Element::u8;
  int64_t size = 0;       // elements
  int64_t alignment = 1;  // bytes
  BufferKind kind = BufferKind::input;
  // What the caller promises of each integer in an input, and what is proved of each that is stored into
  // scratch; 0 and 0: nothing beyond its type.
  int64_t lowest = 0;
  int64_t highest = 0;
  BufferRole role = role_named(name);

  bool has_promise() const { return lowest != 0 || highest != 0; }
  int64_t bytes() const { return size * size_in_bytes(element); }
  bool operator==(const Buffer&) const = default;
};

}  // namespace tern::ir
