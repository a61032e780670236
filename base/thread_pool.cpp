#include "base/thread_pool.h"

#include <fmt/format.h>
#include <hwy/cache_control.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <system_error>

namespace tern {
namespace {

constexpr size_t max_threads = 1024;

// How long to spin for the others before going to sleep. Waking a sleeper costs tens of microseconds, about
// as long as the steps of a forward pass; but who spins while the others want the core only delays them.
int64_t spin_budget(size_t threads) {
  constexpr int64_t nanoseconds = 50'000;
  return threads > std::thread::hardware_concurrency() ? 0 : nanoseconds;
}

// Returns once `word` holds another value than `old`.
void await_change(const std::atomic<uint32_t>& word, uint32_t old, int64_t spin_nanoseconds) {
  using Clock = std::chrono::steady_clock;
  constexpr int polls = 64;
  if (spin_nanoseconds > 0) {
    const Clock::time_point end = Clock::now() + std::chrono::nanoseconds(spin_nanoseconds);
    do {
      for (int i = 0; i < polls; ++i) {
        if (word.load(std::memory_order_acquire) != old) return;
        hwy::Pause();
      }
      // Another program may have crowded us onto one core with the very thread that we wait for.
      std::this_thread::yield();
    } while (Clock::now() < end);
  }
  word.wait(old);
}

}  // namespace

Expected<std::unique_ptr<ThreadPool>> ThreadPool::make(size_t threads, const std::vector<int>& processors) {
  if (threads == 0 || threads > max_threads) {
    return Error{fmt::format("the number of threads must be 1 to {}, not {}", max_threads, threads), {}};
  }
  std::unique_ptr<ThreadPool> pool(new ThreadPool(threads));
  try {
    for (size_t thread = 1; thread < threads; ++thread) {
      pool->workers_.emplace_back([&self = *pool, thread] { self.work(thread); });
    }
  } catch (const std::system_error& error) {
    return machine_error(fmt::format("cannot start {} threads: {}", threads, error.what()));
  }
  TERN_TRY(pool->bind(processors));
  return pool;
}

Status ThreadPool::bind(const std::vector<int>& processors) {
  if (processors.empty()) return {};
  if (processors.size() < threads())
    return Error{fmt::format("{} threads need as many processors, and only {} are named", threads(),
                             processors.size()),
                 {}};
  cpu_set_t before;
  if (pthread_getaffinity_np(pthread_self(), sizeof before, &before) == 0) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&before);
    processors_before_.assign(bytes, bytes + sizeof before);
  }
  for (size_t thread = 0; thread < threads(); ++thread) {
    const int processor = processors[thread];
    cpu_set_t one;
    CPU_ZERO(&one);
    if (processor >= 0 && processor < CPU_SETSIZE) CPU_SET(static_cast<size_t>(processor), &one);
    const pthread_t handle = thread == 0 ? pthread_self() : workers_[thread - 1].native_handle();
    if (pthread_setaffinity_np(handle, sizeof one, &one) != 0)
      return machine_error(fmt::format(
          "thread {} cannot be bound to processor {}: this process may not use it", thread, processor));
  }
  return {};
}

ThreadPool::ThreadPool(size_t threads) : spin_nanoseconds_(spin_budget(threads)) {
  workers_.reserve(threads - 1);
}

ThreadPool::~ThreadPool() {
  stopping_ = true;
  generation_.fetch_add(1);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  if (!processors_before_.empty())
    pthread_setaffinity_np(pthread_self(), processors_before_.size(),
                           reinterpret_cast<const cpu_set_t*>(processors_before_.data()));
}

void ThreadPool::run_region(Region region, void* context) {
  assert(busy_.load() == 0);
  region_ = region;
  context_ = context;
  if (!workers_.empty()) {
    busy_.store(static_cast<uint32_t>(workers_.size()), std::memory_order_relaxed);
    generation_.fetch_add(1);
    generation_.notify_all();
  }
  region(context, 0);
  for (uint32_t busy; (busy = busy_.load(std::memory_order_acquire)) != 0;) {
    await_change(busy_, busy, spin_nanoseconds_);
  }
}

void ThreadPool::work(size_t thread) {
  for (uint32_t generation = 0;; ++generation) {
    await_change(generation_, generation, spin_nanoseconds_);
    if (stopping_) return;
    region_(context_, thread);
    if (busy_.fetch_sub(1) == 1) busy_.notify_one();
  }
}

Barrier::Barrier(size_t threads)
    : threads_(static_cast<uint32_t>(threads)), spin_nanoseconds_(spin_budget(threads)) {}

void Barrier::wait() {
  const uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1) + 1 < threads_) return await_change(phase_, phase, spin_nanoseconds_);
  arrived_.store(0, std::memory_order_relaxed);
  phase_.fetch_add(1);
  phase_.notify_all();
}

Range split(size_t count, size_t thread, size_t threads, size_t granularity) {
  assert(thread < threads && granularity > 0);
  const size_t units = count / granularity + (count % granularity != 0);
  const size_t begin = units * thread / threads * granularity,
               end = units * (thread + 1) / threads * granularity;
  return {std::min(begin, count), std::min(end, count)};
}

}  // namespace tern
