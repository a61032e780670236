#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

namespace tern {
namespace {

// More than any test machine has cores, too: nothing may depend on all of them running at once.
constexpr size_t pool_sizes[] = {1, 2, 3, 8, 40};

std::unique_ptr<ThreadPool> pool_of(size_t threads) {
  auto made = ThreadPool::make(threads);
  EXPECT_TRUE(made);
  return made.take();
}

TEST(ThreadPool, EveryThreadRunsEveryRegionOnce) {
  for (const size_t threads : pool_sizes) {
    const auto pool = pool_of(threads);
    ASSERT_EQ(pool->threads(), threads);
    std::vector<int> runs(threads);
    for (int region = 1; region <= 300; ++region) {
      pool->run([&](size_t thread) { ++runs[thread]; });
      ASSERT_EQ(runs, std::vector<int>(threads, region));
    }
  }
}

TEST(ThreadPool, WithoutANumberIsTheCallerAlone) {
  ThreadPool pool;
  EXPECT_EQ(pool.threads(), 1u);
  std::vector<std::thread::id> ran;
  pool.run([&](size_t thread) {
    EXPECT_EQ(thread, 0u);
    ran.push_back(std::this_thread::get_id());
  });
  EXPECT_EQ(ran, std::vector{std::this_thread::get_id()});
}

TEST(ThreadPool, RegionsSeeWhatCameBefore) {
  const auto pool = pool_of(3);
  std::vector<uint64_t> data(1000, 1);
  std::vector<uint64_t> sums(3);
  for (int round = 0; round < 200; ++round) {
    pool->run([&](size_t thread) {
      const Range range = split(data.size(), thread, 3);
      sums[thread] = std::accumulate(data.begin() + static_cast<ptrdiff_t>(range.begin),
                                     data.begin() + static_cast<ptrdiff_t>(range.end), uint64_t{0});
    });
    ASSERT_EQ(sums[0] + sums[1] + sums[2], 1000u + static_cast<uint64_t>(round));
    ++data[static_cast<size_t>(round) * 5];
  }
}

TEST(ThreadPool, WakesFromSleep) {
  const auto pool = pool_of(2);
  for (int region = 0; region < 3; ++region) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // long past the spinning
    int ran[2] = {};
    pool->run([&](size_t thread) { ran[thread] = 1; });
    EXPECT_EQ(ran[0] + ran[1], 2);
  }
}

TEST(ThreadPool, SlowWorkersAreWaitedFor) {
  const auto pool = pool_of(3);
  bool done = false;
  pool->run([&](size_t thread) {
    if (thread != 2) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    done = true;
  });
  EXPECT_TRUE(done);
}

TEST(ThreadPool, RefusesSillyNumbers) {
  for (const size_t threads : {size_t{0}, size_t{1025}, ~size_t{0}}) {
    const auto made = ThreadPool::make(threads);
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message.find("threads"), std::string::npos);
  }
}

TEST(Barrier, KeepsStepsApart) {
  for (const size_t threads : pool_sizes) {
    const auto pool = pool_of(threads);
    Barrier barrier(threads);
    const int steps = threads > 4 ? 40 : 500;
    std::vector<int> at(threads);
    std::vector<int> faults(threads);
    pool->run([&](size_t thread) {
      for (int step = 1; step <= steps; ++step) {
        at[thread] = step;
        barrier.wait();
        for (const int other : at) faults[thread] += other != step;
        barrier.wait();
      }
    });
    EXPECT_EQ(faults, std::vector<int>(threads));
  }
}

TEST(Barrier, OutlastsSleepers) {
  const auto pool = pool_of(2);
  Barrier barrier(2);
  int written = 0, seen = 0;
  pool->run([&](size_t thread) {
    if (thread == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      written = 1;
    }
    barrier.wait();
    if (thread == 0) seen = written;
  });
  EXPECT_EQ(seen, 1);
}

TEST(Split, CoversEverythingOnceInOrder) {
  for (const size_t count : {0u, 1u, 5u, 31u, 32u, 33u, 2560u, 6911u}) {
    for (const size_t threads : {1u, 2u, 3u, 7u, 64u}) {
      for (const size_t granularity : {1u, 8u, 32u, 100u}) {
        size_t next = 0, largest = 0, smallest = count;
        for (size_t thread = 0; thread < threads; ++thread) {
          const Range range = split(count, thread, threads, granularity);
          ASSERT_EQ(range.begin, next);
          ASSERT_LE(range.begin, range.end);
          ASSERT_TRUE(range.begin % granularity == 0 || range.begin == count);
          largest = std::max(largest, range.size());
          smallest = std::min(smallest, range.size());
          next = range.end;
        }
        ASSERT_EQ(next, count);
        ASSERT_LT(largest - smallest, 2 * granularity);
      }
    }
  }
}

}  // namespace
}  // namespace tern
