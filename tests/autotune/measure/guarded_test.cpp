#include "autotune/measure/guarded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "tests/support/threads.h"

namespace tern::autotune {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::one_thread;
using ::testing::SizeIs;
using testing::two_threads;

constexpr unsigned seconds = 30;

TEST(CallGuarded, EachFailureCostsOnlyItsOwnCall) {
  const auto function = [](size_t i) -> std::string {
    if (i % 5 == 1) std::raise(SIGILL);
    if (i % 5 == 2) _exit(0);
    if (i % 5 == 3) return "wrong";
    return {};
  };
  for (ThreadPool* pool : {&one_thread(), &two_threads()}) {
    EXPECT_THAT(call_guarded(10, *pool, seconds, function),
                ElementsAre(IsEmpty(), "crashed: Illegal instruction", "ended the process that ran it",
                            "wrong", IsEmpty(), IsEmpty(), "crashed: Illegal instruction",
                            "ended the process that ran it", "wrong", IsEmpty()));
  }
}

TEST(CallGuarded, WhoNeverEndsIsEnded) {
  const auto function = [](size_t i) -> std::string {
    while (i == 1) pause();
    return {};
  };
  EXPECT_THAT(call_guarded(3, two_threads(), 1, function),
              ElementsAre(IsEmpty(), "did not end within 1 seconds", IsEmpty()));
}

TEST(CallGuarded, EveryThreadHasAChild) {
  void* shared = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& here = *static_cast<std::atomic<int>*>(shared);
  // Neither ends before the other has begun.
  const auto function = [&](size_t) -> std::string {
    ++here;
    while (here < 2) sched_yield();
    return {};
  };
  EXPECT_THAT(call_guarded(2, two_threads(), seconds, function), ElementsAre(IsEmpty(), IsEmpty()));
  munmap(shared, 4096);
}

TEST(CallGuarded, WhatAFailureLeavesInMemoryIsSeenByNobody) {
  static bool spoilt = false;
  const auto function = [](size_t i) -> std::string {
    if (spoilt) return "spoilt";
    spoilt = i == 1;
    return spoilt ? "wrong" : "";
  };
  EXPECT_THAT(call_guarded(3, one_thread(), seconds, function), ElementsAre(IsEmpty(), "wrong", IsEmpty()));
  EXPECT_FALSE(spoilt);
}

TEST(CallGuarded, LongMessagesAreCut) {
  const auto function = [](size_t) { return std::string(5000, 'x'); };
  EXPECT_THAT(call_guarded(1, one_thread(), seconds, function), ElementsAre(SizeIs(199)));
  EXPECT_THAT(call_guarded(0, one_thread(), seconds, function), IsEmpty());
}

}  // namespace
}  // namespace tern::autotune
