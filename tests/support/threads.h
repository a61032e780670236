// Threads for tests of the tuner, made once a process.
#pragma once

#include <memory>

#include "base/thread_pool.h"

namespace tern::testing {

// The caller alone.
inline ThreadPool& one_thread() {
  static ThreadPool pool;
  return pool;
}

// The caller and another.
inline ThreadPool& two_threads() {
  static const std::unique_ptr<ThreadPool> pool = ThreadPool::make(2).take();
  return *pool;
}

}  // namespace tern::testing
