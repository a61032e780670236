// The operations of a Program: one table, closed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ir/type.h"

namespace tern::ir {

enum class Op : uint8_t {
  constant,
  table,
  load,
  splat,
  store,
  prefetch,
  prefetch_l2,
  bit_and,
  bit_select,
  shift_left,
  shift_right,
  multiply_low,
  multiply_high,
  lookup,
  bytes_to_i16,
  interleave_low,
  interleave_high,
  add,
  subtract,
  add_where,
  subtract_where,
  apply_sign,
  multiply,
  divide,
  relu,
  absmax,
  absmax_across,
  add_across,
  round_clamp,
  convert,
  flip_sign,
  low_byte,
  high_byte,
  dot4,
  dot2,
  dot8,
  add_pairs,
  tile_load,
  tile_load_quads,
  tile_store,
  tile_dot,
};

struct OpInfo {
  Op op;
  std::string_view name;
  int operands;        // registers read
  bool has_result;     // a register written
  bool has_address;    // names an element of a buffer
  bool has_immediate;  // a whole number
  std::string_view meaning;
};

// For lanes i, result r, operands x, y, z and immediate c. A block is 16 bytes of a register. Integer results
// must fit their type (Verify proves it); f32 results are rounded to nearest even, once.
//
// Tiles are matrices: i32x256 are 16 rows of 16 sums; i8x1024 and i8x512 the factors of a product of K = 64
// and K = 32 inputs. The left factor, which tile_load reads, has 16 rows of K bytes. The right factor, which
// tile_load_quads reads, has K / 4 rows of 64 bytes: byte 4j + l of row p is its row 4p + l, column j. An
// i8x512 is one of the two in the whole program.
inline constexpr std::array<OpInfo, 41> ops = {{
    {Op::constant, "constant", 0, true, false, true, "r[i] = c"},
    {Op::table, "table", 0, true, false, false, "r[i] = value i % size of a table of the program"},
    {Op::load, "load", 0, true, true, false, "r[i] = buffer[address + i]"},
    {Op::splat, "splat", 0, true, true, true, "r[i] = buffer[address + i % c]"},
    {Op::store, "store", 1, false, true, false, "buffer[address + i] = x[i]"},
    {Op::prefetch, "prefetch", 0, false, true, true, "no effect: asks for buffer[address] + c bytes"},
    {Op::prefetch_l2, "prefetch_l2", 0, false, true, true,
     "the same, no nearer than the second level of cache"},
    {Op::bit_and, "and", 1, true, false, true, "r[i] = x[i] & c"},
    {Op::bit_select, "bit_select", 2, true, false, true, "r[i] = x[i] & c | y[i] & ~c"},
    {Op::shift_left, "shift_left", 1, true, false, true, "r[i] = x[i] << c; u8 loses what leaves it"},
    {Op::shift_right, "shift_right", 1, true, false, true, "r[i] = x[i] >> c"},
    {Op::multiply_low, "multiply_low", 1, true, false, true, "r[i] = x[i] * c % 256, u8"},
    {Op::multiply_high, "multiply_high", 1, true, false, true, "r[i] = x[i] * c / 256, u8"},
    {Op::lookup, "lookup", 2, true, false, false, "r[i] = x[y[i] % lanes of x]"},
    {Op::bytes_to_i16, "bytes_to_i16", 2, true, false, true,
     "r = x + 256 * y of the bytes in half c of each block"},
    {Op::interleave_low, "interleave_low", 2, true, false, true,
     "from the low halves of each block: c bytes of x, c of y, ..."},
    {Op::interleave_high, "interleave_high", 2, true, false, true,
     "from the high halves of each block: c bytes of x, c of y, ..."},
    {Op::add, "add", 2, true, false, false, "r[i] = x[i] + y[i]"},
    {Op::subtract, "subtract", 2, true, false, false, "r[i] = x[i] - y[i]"},
    {Op::add_where, "add_where", 3, true, false, false, "r[i] = x[i] + (bit i of z ? y[i] : 0)"},
    {Op::subtract_where, "subtract_where", 3, true, false, false, "r[i] = x[i] - (bit i of z ? y[i] : 0)"},
    {Op::apply_sign, "apply_sign", 2, true, false, false, "r[i] = y[i] < 128 ? x[i] : -x[i]"},
    {Op::multiply, "multiply", 2, true, false, false, "r[i] = x[i] * y[i], f32"},
    {Op::divide, "divide", 2, true, false, false, "r[i] = x[i] / y[i], f32"},
    {Op::relu, "relu", 1, true, false, false, "r[i] = x[i] < 0 ? 0 : x[i], f32"},
    {Op::absmax, "absmax", 2, true, false, false,
     "r[i] = the larger of |x[i]| and |y[i]|, f32; NaN tops all"},
    {Op::absmax_across, "absmax_across", 1, true, false, false, "r[i] = absmax of all lanes of x, f32"},
    {Op::add_across, "add_across", 1, true, false, false, "r[i] = sum of all lanes of x, i32"},
    {Op::round_clamp, "round_clamp", 1, true, false, true,
     "r[i] = x[i], f32, as a whole number: half to even, no further than c from 0; NaN gives 0"},
    {Op::convert, "convert", 1, true, false, false, "r[i] = x[i] in r's type"},
    {Op::flip_sign, "flip_sign", 1, true, false, false,
     "r[i] = x[i] + 128, of i8 as u8: its highest bit flipped"},
    {Op::low_byte, "low_byte", 1, true, false, false, "r[i] = x[i] modulo 256, u8"},
    {Op::high_byte, "high_byte", 1, true, false, false, "r[i] = x[i] / 256 rounded down, i8"},
    {Op::dot4, "dot4", 3, true, false, true, "r[i] = x[i] + sum of y[j] * z[j] over j = 4i..4i+3, |y| <= c"},
    {Op::dot2, "dot2", 3, true, false, false,
     "r[i] = x[i] + (y[2i] * z[2i] + y[2i+1] * z[2i+1]), the pair in i16"},
    {Op::dot8, "dot8", 3, true, false, false,
     "in each block r[2i+j] = x[2i+j] + sum of y[8i+l] * z[8j+l] over l = 0..7, for i, j in 0, 1"},
    {Op::add_pairs, "add_pairs", 2, true, false, false, "r[i] = x[i] + y[2i] + y[2i+1]"},
    {Op::tile_load, "tile_load", 0, true, true, true, "a left factor: 16 rows, c bytes apart"},
    {Op::tile_load_quads, "tile_load_quads", 0, true, true, true,
     "a right factor: rows of 64 bytes, c bytes apart"},
    {Op::tile_store, "tile_store", 1, false, true, true, "rows of 16 sums, c elements apart"},
    {Op::tile_dot, "tile_dot", 3, true, false, false, "r = x + y * z, 16 by K by 16, K = 64 or 32"},
}};

constexpr bool is_prefetch(Op op) {
  return op == Op::prefetch || op == Op::prefetch_l2;
}
constexpr bool is_tile_factor(VectorType type) {
  return type == VectorType{Element::i8, 1024} || type == VectorType{Element::i8, 512};
}
constexpr bool is_tile(VectorType type) {
  return is_tile_factor(type) || type == VectorType{Element::i32, 256};
}

constexpr const OpInfo& info(Op op) {
  return ops[static_cast<size_t>(op)];
}
std::optional<Op> op_named(std::string_view name);

}  // namespace tern::ir
