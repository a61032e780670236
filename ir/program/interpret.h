// Executes a Program, one operation at a time: the meaning of every operation, as code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ir/program/program.h"

namespace tern::ir {

// The iterations begin..end-1 of a parallel loop.
struct Range {
  int64_t begin = 0;
  int64_t end = 0;
  bool operator==(const Range&) const = default;
};

// All the iterations of every parallel loop.
std::vector<Range> full_ranges(const Program& program);

// Runs `program` on `buffers` (one for each of the program's, at least as large as it says) with one range
// for each parallel loop. Precondition: verify(program) found nothing.
void interpret(const Program& program, std::span<std::byte* const> buffers, std::span<const Range> ranges);

}  // namespace tern::ir
