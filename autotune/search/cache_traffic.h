// How many bytes a program moves between the caches of a core, from its addresses alone: what a loop needs
// again is still there if all that was used in between fits.
#pragma once

#include "ir/kernel/kernel.h"
#include "ir/program/program.h"

namespace tern::autotune {

// Of a core, in bytes.
struct CacheSizes {
  double first = 0, second = 0;
};

// Of one call, by each of the cores that share it.
struct CacheTraffic {
  double first = 0;  // bytes that the first cache takes from the second or gives back to it
  double second =
      0;  // the same of the second cache and what is behind it, beside what comes for the first time
};

// `program` is what the kernel was lowered to; each of `threads` cores does its part of the outputs.
CacheTraffic cache_traffic(const ir::Program& program, const ir::Kernel& kernel, int threads,
                           const CacheSizes& sizes);

}  // namespace tern::autotune
