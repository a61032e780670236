// The operations of a Program: one table, closed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tern::ir {

enum class Op : uint8_t {
  constant,
  load,
  splat,
  store,
  prefetch,
  bit_and,
  shift_right,
  add,
  subtract,
  multiply,
  divide,
  convert,
  dot4,
  dot2,
  widen,
};

struct OpRow {
  Op op;
  std::string_view name;
  int operands;        // registers read
  bool has_result;     // a register written
  bool has_address;    // names a place in a buffer
  bool has_immediate;  // a whole number
  std::string_view meaning;
};

// For lanes i, result r, operands x, y, z and immediate c. Integer results must fit their type (Verify proves
// it); f32 results are rounded to nearest even, once.
inline constexpr std::array<OpRow, 15> ops = {{
    {Op::constant, "constant", 0, true, false, true, "r[i] = c"},
    {Op::load, "load", 0, true, true, false, "r[i] = buffer[address + i]"},
    {Op::splat, "splat", 0, true, true, true, "r[i] = buffer[address + i % c]"},
    {Op::store, "store", 1, false, true, false, "buffer[address + i] = x[i]"},
    {Op::prefetch, "prefetch", 0, false, true, true, "no effect: asks for buffer[address] + c bytes"},
    {Op::bit_and, "and", 1, true, false, true, "r[i] = x[i] & c"},
    {Op::shift_right, "shift_right", 1, true, false, true, "r[i] = x[i] >> c, x unsigned"},
    {Op::add, "add", 2, true, false, false, "r[i] = x[i] + y[i]"},
    {Op::subtract, "subtract", 2, true, false, false, "r[i] = x[i] - y[i]"},
    {Op::multiply, "multiply", 2, true, false, false, "r[i] = x[i] * y[i], f32"},
    {Op::divide, "divide", 2, true, false, false, "r[i] = x[i] / y[i], f32"},
    {Op::convert, "convert", 1, true, false, false, "r[i] = x[i] in r's type"},
    {Op::dot4, "dot4", 3, true, false, true, "r[i] = x[i] + sum of y[j] * z[j] over j = 4i..4i+3, |y| <= c"},
    {Op::dot2, "dot2", 3, true, false, false,
     "r[i] = x[i] + (y[2i] * z[2i] + y[2i+1] * z[2i+1]), the pair in i16"},
    {Op::widen, "widen", 2, true, false, false, "r[i] = x[i] + y[2i] + y[2i+1]"},
}};

constexpr const OpRow& row(Op op) {
  return ops[static_cast<size_t>(op)];
}
std::optional<Op> op_named(std::string_view name);

}  // namespace tern::ir
