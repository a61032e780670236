// How a kernel walks its problem: a nest of loops, and when it asks for weights ahead of their use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/kernel/layout.h"

namespace tern::ir {

enum class LoopKind : uint8_t {
  parallel,    // the caller picks a range of its iterations, so that threads can share them
  sequential,  // printed "for"
  unroll,      // its iterations are laid out one after the other
  vector,      // one iteration, whose steps are the lanes of a vector
};
std::string_view name(LoopKind kind);

// Splits what is left of an axis into tiles of `step`. Outermost loops come first in a schedule; each axis
// starts whole, and its last loop leaves tiles of `step`.
struct ScheduledLoop {
  LoopKind kind = LoopKind::sequential;
  Axis axis = Axis::n;
  int64_t step = 1;
  bool operator==(const ScheduledLoop&) const = default;
};

struct Schedule {
  std::vector<ScheduledLoop> loops;
  int64_t prefetch_bytes = 0;  // how far ahead of the load weights are asked for; 0: never
  bool operator==(const Schedule&) const = default;
};

std::string print(const ScheduledLoop& loop);  // "unroll n by 16"

}  // namespace tern::ir
