// The Kernel: a declarative, comparable description of one generated function. It is what the tuner tries,
// what the database stores and what the cache is keyed by.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ir/expected.h"
#include "ir/layout.h"
#include "ir/problem.h"
#include "ir/schedule.h"

namespace tern::ir {

enum class Strategy : uint8_t {
  dot,   // unpack trits to bytes, sums of four products with i8 activations
  madd,  // widen dense weights to f32, multiply, add, in the order of k
};

struct StrategyRow {
  Strategy strategy;
  std::string_view name;
};
inline constexpr std::array<StrategyRow, 2> strategies = {{{Strategy::dot, "dot"}, {Strategy::madd, "madd"}}};
constexpr std::string_view name(Strategy strategy) {
  return strategies[static_cast<size_t>(strategy)].name;
}

struct Compute {
  Strategy strategy = Strategy::dot;
  // dot: 1 if weights are unpacked to codes 0, 1, 2 and the sum of the activations is taken off at the end;
  // 0 if they are unpacked to -1, 0, +1.
  int offset = 1;
  // dot: sums of products stay in i16 lanes for `widen_every_k` inputs before they are added to the i32
  // accumulator; 0: every sum goes straight to i32.
  int64_t widen_every_k = 0;
  bool operator==(const Compute&) const = default;
};

struct Kernel {
  std::string name;
  Problem problem;
  Layout weights;
  std::optional<Layout> scales;  // of scaling `group`; its axis k counts groups
  Schedule schedule;
  Compute compute;
  bool operator==(const Kernel&) const = default;
};

// The textual form; parse_kernel(print(x)) == x.
std::string print(const Kernel& kernel);

// Where the parts of a parsed kernel stood, for messages of later checks.
struct KernelPlaces {
  Location problem, weights, scales, compute, prefetch;
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
