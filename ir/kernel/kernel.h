// The Kernel: a declarative, comparable description of one generated function. It is what the tuner tries,
// what the database stores and what the cache is keyed by.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/expected.h"
#include "ir/kernel/epilogue.h"
#include "ir/kernel/layout.h"
#include "ir/kernel/problem.h"
#include "ir/kernel/schedule.h"

namespace tern::ir {

enum class Strategy : uint8_t {
  dot,     // unpack trits to bytes, sums of four products with i8 activations
  lookup,  // codes of weights look sums of activations up, in tables that were built before
  tile,    // unpack a panel of weights once, then multiply it with many rows of activations
  addsub,  // add activations where weights are +1, subtract them where they are -1
  madd,    // widen dense weights to f32, multiply, add, in the order of k
};

struct StrategyRow {
  Strategy strategy;
  std::string_view name;
};
inline constexpr std::array<StrategyRow, 5> strategies = {{{Strategy::dot, "dot"},
                                                           {Strategy::lookup, "lookup"},
                                                           {Strategy::tile, "tile"},
                                                           {Strategy::addsub, "addsub"},
                                                           {Strategy::madd, "madd"}}};
constexpr std::string_view name(Strategy strategy) {
  return strategies[static_cast<size_t>(strategy)].name;
}

// How codes of trits become bytes.
enum class Unpack : uint8_t {
  fields,    // shifts and masks: packings whose codes are trits
  table,     // the code looks each of its trits up: byte permutes
  multiply,  // the next base-3 digit is the high byte of three times the rest: g5b8x
};
inline constexpr std::array<std::string_view, 3> unpack_names = {"fields", "table", "multiply"};
constexpr std::string_view name(Unpack unpack) {
  return unpack_names[static_cast<size_t>(unpack)];
}
// The plainest way that a packing can be unpacked.
Unpack plain_unpack(Packing packing);
bool can_unpack(Packing packing, Unpack unpack);

struct Compute {
  Strategy strategy = Strategy::dot;
  // dot, tile: 1 if weights are unpacked to codes 0, 1, 2 and the sum of the activations is taken off at the
  // end; 0 if they are unpacked to -1, 0, +1.
  int offset = 1;
  // dot, lookup, addsub, tiles of one row: sums stay in lanes of i16 (see partial_element) for
  // `widen_every_k` inputs before they are added to the i32 accumulator; 0: every sum goes straight to i32.
  int64_t widen_every_k = 0;
  Unpack unpack = Unpack::fields;
  // dot of b2 and b2h: so many digits of a byte are masked where they are between two shifts, each with sums
  // of its own, four times as large as those of the digit below; 1 to 4.
  int in_place = 1;
  // lookup: the four bytes of a lane of sums have tables of their own, for inputs side by side, and no
  // partial sums; otherwise each byte is another output.
  bool quads = false;
  bool operator==(const Compute&) const = default;
};

struct Kernel {
  std::string name;
  Problem problem;
  Layout weights;
  std::optional<Layout> scales;  // of scaling `group`; its axis k counts groups
  Schedule schedule;
  Compute compute;
  Epilogue epilogue = Epilogue::plain;
  bool quantizes_rows = false;  // of C, after the epilogue
  bool operator==(const Kernel&) const = default;
};

// The textual form; parse_kernel(print(x)) == x.
std::string print(const Kernel& kernel);

// Where the parts of a parsed kernel stood, for messages of later checks.
struct KernelPlaces {
  Location problem, weights, scales, compute, epilogue, prefetch;
  std::vector<Location> loops;
};

struct ParsedKernel {
  Kernel kernel;
  KernelPlaces places;
};

// Reads one kernel. `file` names the text in messages. Only the grammar is checked here: see verify.h.
Expected<ParsedKernel> parse_kernel(std::string_view text, std::string_view file = "kernel");

// A stable 64-bit hash of everything but the name: equal kernels have equal hashes on every machine.
uint64_t hash(const Kernel& kernel);

}  // namespace tern::ir
