// How fast this machine reads memory: the roof over decoding.
#pragma once

#include "base/expected.h"
#include "base/thread_pool.h"
#include "runtime/math/vector_level.h"

namespace tern::runtime {

// Bytes a second that all threads of the pool together read from memory, outside of the caches: each thread
// reads bytes / threads of its own, on huge pages, with the widest vectors that `level` allows and software
// prefetch: the best of `rounds` walks. Fails where there is not enough memory.
Expected<double> read_bandwidth(ThreadPool& pool, VectorLevel level, size_t bytes = size_t{1} << 30,
                                int rounds = 4);

}  // namespace tern::runtime
