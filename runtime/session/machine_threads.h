// How many threads to use on this machine by default.
#pragma once

#include <cstddef>
#include <memory>

#include "base/expected.h"
#include "base/thread_pool.h"

namespace tern::runtime {

// The number of cores that this process may use.
size_t default_threads();

// Threads for measurements, each bound to a processor of its own where there are enough: a system that puts
// two on one for a moment halves what is measured. Errors: those of ThreadPool::make.
Expected<std::unique_ptr<ThreadPool>> make_bound_threads(size_t threads);

}  // namespace tern::runtime
