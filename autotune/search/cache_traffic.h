// How many bytes a program moves between the caches of a core, from its addresses alone. A line that a loop
// accesses in several trips is moved once if the cache holds all bytes that one trip uses, and in every trip
// if these are twice the size of the cache; between, linearly.
#pragma once

#include "ir/kernel/kernel.h"
#include "ir/program/program.h"

namespace tern::autotune {

// The sizes of a core's caches in bytes.
struct CacheSizes {
  double first = 0, second = 0;
};

// Bytes that each core moves in one call.
struct CacheTraffic {
  double first = 0;   // between the first cache and the second
  double second = 0;  // between the second cache and the level behind it, without each line's first transfer
};

// Precondition: `program` is the lowered kernel. Each of `threads` cores computes its part of the outputs.
CacheTraffic cache_traffic(const ir::Program& program, const ir::Kernel& kernel, int threads,
                           const CacheSizes& sizes);

}  // namespace tern::autotune
