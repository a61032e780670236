// The Kernel: a declarative, comparable description of one generated function. It is what the tuner tries,
// what the database stores and what the cache is keyed by.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/expected.h"
#include "ir/kernel/compute.h"
#include "ir/kernel/epilogue.h"
#include "ir/kernel/layout.h"
#include "ir/kernel/problem.h"
#include "ir/kernel/schedule.h"

namespace tern::ir {

struct Kernel {
  std::string name;
  Problem problem;
  Layout weights;
  std::optional<Layout> scales;  // of scaling `group`; its axis k counts groups
  Schedule schedule;
  Compute compute;
  Epilogue epilogue = Epilogue::plain;
  bool quantizes_rows = false;  // of C, after the epilogue
  Strategy strategy() const { return strategy_of(compute); }
  bool operator==(const Kernel&) const = default;
};

// The textual form; parse_kernel(print(x)) == x.
std::string print(const Kernel& kernel);

// Where the parts of a parsed kernel stood, for messages of later checks.
struct KernelLocations {
  Location problem, weights, scales, compute, epilogue, prefetch;
  std::vector<Location> loops;
};

struct ParsedKernel {
  Kernel kernel;
  KernelLocations locations;
};

// Reads one kernel. `file` names the text in messages. Only the grammar is checked here: see verify_kernel.h.
Expected<ParsedKernel> parse_kernel(std::string_view text, std::string_view file = "kernel");

// A stable 64-bit hash of everything but the name: equal kernels have equal hashes on every machine.
uint64_t hash(const Kernel& kernel);

}  // namespace tern::ir
