// A fixed set of threads for parallel regions of a few microseconds each.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/expected.h"

namespace tern {

// The thread that calls run() is worker 0; the others wait for the next region by spinning for a moment, then
// asleep. With more threads than cores they go to sleep at once. One thread at a time may call run(), and not
// from inside a region.
class ThreadPool {
 public:
  // The calling thread alone, wherever the system puts it.
  ThreadPool() : ThreadPool(1) {}

  // `threads` counts the caller. Thread i stays on the i-th of `processors`, as the system numbers them, the
  // caller too until the pool's end; if there are none, the system moves threads as it likes. Errors: threads
  // is not 1 to 1024, or there are fewer processors than that; the system refuses a thread or a processor (of
  // kind machine).
  static Expected<std::unique_ptr<ThreadPool>> make(size_t threads, const std::vector<int>& processors = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const { return workers_.size() + 1; }

  // Calls function(thread) once on every thread, 0 <= thread < threads(), and returns when all are done. What
  // the caller wrote before is seen by all, and what they wrote is seen by the caller after. The function
  // must not throw.
  template <class Function>
  void run(Function&& function) {
    using Plain = std::remove_reference_t<Function>;
    run_region([](void* context, size_t thread) { (*static_cast<Plain*>(context))(thread); },
               const_cast<void*>(static_cast<const void*>(&function)));
  }

 private:
  using Region = void (*)(void* context, size_t thread);

  explicit ThreadPool(size_t threads);
  Status bind(const std::vector<int>& processors);
  void run_region(Region region, void* context);
  void work(size_t thread);

  std::vector<std::thread> workers_;
  std::vector<std::byte> processors_before_;  // of the caller, if it was bound: a cpu_set_t
  const int64_t spin_nanoseconds_;
  Region region_ = nullptr;
  void* context_ = nullptr;
  bool stopping_ = false;
  alignas(64) std::atomic<uint32_t> generation_ = 0;  // counts the regions begun
  alignas(64) std::atomic<uint32_t> busy_ = 0;        // workers that have not finished the present region
};

// A meeting point inside a region: the threads of the region call wait(), and none goes on before all have
// come. May be used any number of times.
class Barrier {
 public:
  explicit Barrier(size_t threads);
  // What any thread wrote before its wait() is seen by all after theirs.
  void wait();

 private:
  const uint32_t threads_;
  const int64_t spin_nanoseconds_;
  alignas(64) std::atomic<uint32_t> arrived_ = 0;
  alignas(64) std::atomic<uint32_t> phase_ = 0;
};

// A half-open range of indices.
struct Range {
  size_t begin = 0;
  size_t end = 0;
  size_t size() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

// The part of 0 ... count that falls to `thread` of `threads`: consecutive, as even as can be, in whole units
// of `granularity` (but for the end of the last). It may be empty.
Range split(size_t count, size_t thread, size_t threads, size_t granularity = 1);

}  // namespace tern
