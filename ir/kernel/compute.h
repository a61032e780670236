// How a kernel multiplies: one record a strategy, with the knobs of that strategy and of no other.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "ir/kernel/packing.h"

namespace tern::ir {

// How packed weights become bytes.
enum class Unpack : uint8_t {
  fields,    // shifts and masks: packings whose codes are bit fields of one weight each
  table,     // a byte permute for each weight of a code: the code is the index into a table of its weights
  multiply,  // base-3 fractions (g5b8x): the next trit's code is the high byte of 3 * fraction
};
inline constexpr std::array<std::string_view, 3> unpack_names = {"fields", "table", "multiply"};
constexpr std::string_view name(Unpack unpack) {
  return unpack_names[static_cast<size_t>(unpack)];
}
// The plainest way that a packing can be unpacked.
Unpack plain_unpack(Packing packing);
bool can_unpack(Packing packing, Unpack unpack);

// The zero point that makes weights of an element codes from 0 on: 1 of trits, signs and i2, 8 of i4, 128 of
// i8.
int code_zero_point(Element weight);

// What strategies multiply when they unpack weights to bytes first.
struct Unpacking {
  // The bytes are weight + zero_point. With 0 they are the weights themselves, i8. With code_zero_point they
  // are codes from 0 on, u8, and zero_point times the sum of the activations is subtracted from each sum of
  // products.
  int zero_point = 1;
  Unpack unpack = Unpack::fields;
  bool operator==(const Unpacking&) const = default;
};

// dot: unpacks weights to bytes and adds four products with i8 activations to a sum at once.
struct DotCompute {
  Unpacking unpacking;
  // Sums of this many inputs stay in lanes of i16 before they are added to the i32 accumulator; 0: every
  // product is added to i32 at once.
  int64_t widen_every_k = 0;
  // Of b2 and b2h, 1 to 4. A byte holds four fields f0 .. f3 of two bits; field i is worth fi * 4^i where it
  // stands. One shift by 2 * fields_per_shift bits brings the next fields_per_shift fields to the bottom of
  // the byte. Of these, field j is masked where it stands and multiplied as fj * 4^j, into a sum of its own;
  // at the end sum j is shifted right by 2 * j bits, which is exact, and all are added.
  int fields_per_shift = 1;
  bool operator==(const DotCompute&) const = default;
};

// lookup: codes of several weights index tables of sums of activations, which a preparation has built.
struct LookupCompute {
  // True: the four bytes of an i32 lane belong to one output and to neighbouring inputs, each byte looks up
  // in a table of its own, and a dot4 with ones adds the four to the lane. False: each byte of a vector
  // belongs to another output, and sums stay narrow (see partial_element) for `widen_every_k` inputs.
  bool by_dot4 = false;
  int64_t widen_every_k = 0;
  bool operator==(const LookupCompute&) const = default;
};

// What strategy tile multiplies with: an instruction of the CPU, or a short sequence that does the same.
enum class TileInstruction : uint8_t {
  dot4,          // one row: r[i] += sum of w[4i+l] * a[l] over l = 0..3
  mma_2x8x2,     // C[2,2] += A[2,8] * B[8,2] in each 16 bytes of a vector
  mma_16x64x16,  // C[16,16] += A[16,64] * B[64,16], in tile registers
  mma_16x32x16,  // the same of half the inputs, for sums that end every 32
};

// Sums in tile registers go to memory when a group of A ends, and are kept there until the group of W that it
// lies in does; more of them would leave the first cache.
constexpr int64_t max_kept_groups = 8;

// One instruction of tiles. An mma_MxKxN multiplies M rows of K activations with K rows of N outputs.
struct TileInstructionInfo {
  TileInstruction instruction;
  std::string_view name;
  int rows;                  // of activations, M
  int inputs;                // summed up by one instruction, K
  int outputs;               // N
  std::string_view feature;  // that the CPU must have (targets/feature.h); empty: see targets/legal.cpp
  int tile_registers;        // of its own, which hold activations, weights and sums; 0: it takes vectors
};
inline constexpr std::array<TileInstructionInfo, 4> tile_instructions = {{
    {TileInstruction::dot4, "dot4", 1, 4, 1, "", 0},
    {TileInstruction::mma_2x8x2, "mma_2x8x2", 2, 8, 2, "i8mm", 0},
    {TileInstruction::mma_16x64x16, "mma_16x64x16", 16, 64, 16, "amx-int8", 8},
    {TileInstruction::mma_16x32x16, "mma_16x32x16", 16, 32, 16, "amx-int8", 8},
}};
constexpr const TileInstructionInfo& info(TileInstruction instruction) {
  return tile_instructions[static_cast<size_t>(instruction)];
}
// Whether an instruction multiplies in tile registers.
constexpr bool has_tile_registers(TileInstruction instruction) {
  return info(instruction).tile_registers != 0;
}

// tile: unpacks a panel of weights (some outputs, all inputs) once, then multiplies it with many rows.
struct TileCompute {
  TileInstruction instruction = TileInstruction::dot4;
  Unpacking unpacking;
  int64_t widen_every_k = 0;  // as of dot; with instruction dot4 only
  bool operator==(const TileCompute&) const = default;
};

// addsub: adds activations where a weight is +1 and subtracts them where it is -1.
struct AddsubCompute {
  int64_t widen_every_k = 0;  // as of dot
  bool operator==(const AddsubCompute&) const = default;
};

// madd: converts dense weights to f32, multiplies and adds, in ascending order of k.
struct MaddCompute {
  bool operator==(const MaddCompute&) const = default;
};

using Compute = std::variant<DotCompute, LookupCompute, TileCompute, AddsubCompute, MaddCompute>;

// The alternatives of Compute, in their order. What the IR knows of each is a row of strategies/.
enum class Strategy : uint8_t { dot, lookup, tile, addsub, madd };
constexpr Strategy strategy_of(const Compute& compute) {
  return static_cast<Strategy>(compute.index());
}
std::string_view name(Strategy strategy);
std::optional<Strategy> strategy_named(std::string_view name);
inline constexpr std::array<Strategy, std::variant_size_v<Compute>> all_strategies = {
    Strategy::dot, Strategy::lookup, Strategy::tile, Strategy::addsub, Strategy::madd};

// The knob that several strategies have; 0 of others.
int64_t widen_every_k(const Compute& compute);
// Sets it where the strategy has it.
void set_widen_every_k(Compute& compute, int64_t inputs);

// How the strategy unpacks weights to bytes; null if it does not.
const Unpacking* unpacking_of(const Compute& compute);
Unpacking* unpacking_of(Compute& compute);

}  // namespace tern::ir
