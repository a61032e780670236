// How fast this machine reads memory: the roof over decoding.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/expected.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "runtime/math/vector_level.h"

namespace tern::runtime {

// What to read, to find how fast memory is read: more than the caches hold.
class BandwidthProbe {
 public:
  // Memory of its own, of 1 GiB, whose pages lie near the threads of `pool` that read them. Fails where there
  // is not enough.
  static Expected<BandwidthProbe> make(ThreadPool& pool);
  // Weights of a model, which start on cache lines and must outlive the probe: the first GiB of them, or
  // memory of its own where they are less than 256 MiB. Fails where there is not enough.
  static Expected<BandwidthProbe> make(ThreadPool& pool, std::span<const std::span<const std::byte>> weights);

  // Bytes a second of one walk: all threads of the pool together, each a part of its own, with the widest
  // vectors that `level` allows and the prefetches of kernels.
  double walk(ThreadPool& pool, VectorLevel level) const;

 private:
  Memory own_;
  std::vector<std::span<const std::byte>> blocks_;
};

// The best of `rounds` walks over memory of its own. Fails where there is not enough.
Expected<double> read_bandwidth(ThreadPool& pool, VectorLevel level, int rounds = 4);

}  // namespace tern::runtime
