#include "targets/probe.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <thread>

namespace tern::targets {
namespace {

bool always() {
  return true;
}
bool never() {
  return false;
}

bool execute_illegal() {
#if defined(__x86_64__)
  asm volatile("ud2");
#elif defined(__aarch64__)
  asm volatile("udf #0");
#else
  raise(SIGILL);
#endif
  return true;
}

TEST(Probe, SurvivesAnIllegalInstruction) {
  const Probe probe = {always, execute_illegal};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run_probe(probe), ProbeOutcome::illegal);
}

TEST(Probe, SurvivesWhereSigillIsBlocked) {
  sigset_t blocked, before, after;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGILL);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  EXPECT_EQ(run_probe({always, execute_illegal}), ProbeOutcome::illegal);
  pthread_sigmask(SIG_SETMASK, &before, &after);
  EXPECT_EQ(sigismember(&after, SIGILL), 1) << "the mask was not restored";
}

TEST(Probe, BelievesOnlyRightResults) {
  EXPECT_EQ(run_probe({always, always}), ProbeOutcome::works);
  EXPECT_EQ(run_probe({always, never}), ProbeOutcome::wrong_result);
}

TEST(Probe, DoesNotExecuteWhatIsNotOffered) {
  static bool was_executed = false;
  const Probe probe = {never, [] { return was_executed = true; }};
  EXPECT_EQ(run_probe(probe), ProbeOutcome::not_offered);
  EXPECT_FALSE(was_executed);
}

std::atomic<int> foreign_signals = 0;
void count_signal(int) {
  ++foreign_signals;
}

TEST(Probe, LeavesTheSignalOfOtherThreadsToTheirHandler) {
  struct sigaction ours = {}, before = {}, after = {};
  ours.sa_handler = count_signal;
  sigaction(SIGILL, &ours, &before);
  const Probe probe = {always, [] {
                         std::thread([] { raise(SIGILL); }).join();
                         return true;
                       }};
  EXPECT_EQ(run_probe(probe), ProbeOutcome::works);
  EXPECT_EQ(foreign_signals, 1);
  sigaction(SIGILL, &before, &after);
  EXPECT_EQ(after.sa_handler, count_signal) << "the handler was not restored";
}

TEST(Probe, ReportsEveryFeatureOfTheTable) {
  ASSERT_EQ(probe_reports().size(), static_cast<size_t>(feature_count));
  for (const FeatureInfo& row : feature_table()) {
    const ProbeReport& report = probe_reports()[static_cast<int>(row.feature)];
    EXPECT_EQ(report.feature, row.feature);
    EXPECT_NE(report.outcome, ProbeOutcome::wrong_result) << row.name;
    EXPECT_EQ(report.outcome == ProbeOutcome::no_probe,
              row.architecture != host_architecture() || row.probe == nullptr);
  }
}

TEST(Probe, FindsTheBaselineOfTheArchitecture) {
#if defined(__x86_64__)
  EXPECT_TRUE(probed_features().contains(Feature::sse2));
#elif defined(__aarch64__)
  EXPECT_TRUE(probed_features().contains(Feature::neon));
#endif
  EXPECT_EQ(with_implied(probed_features()), probed_features());
}

#if defined(__x86_64__)
// What the compiler's own detection (CPUID and XGETBV) finds, a probe must have been able to run.
TEST(Probe, AgreesWithTheCompilersDetection) {
  const auto works = [](Feature feature) { return probed_features().contains(feature); };
  EXPECT_EQ(works(Feature::sse4_2), static_cast<bool>(__builtin_cpu_supports("sse4.2")));
  EXPECT_EQ(works(Feature::popcnt), static_cast<bool>(__builtin_cpu_supports("popcnt")));
  EXPECT_EQ(works(Feature::avx2), static_cast<bool>(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(works(Feature::fma), static_cast<bool>(__builtin_cpu_supports("fma")));
  EXPECT_EQ(works(Feature::bmi2), static_cast<bool>(__builtin_cpu_supports("bmi2")));
  EXPECT_EQ(works(Feature::gfni), static_cast<bool>(__builtin_cpu_supports("gfni")));
  EXPECT_EQ(works(Feature::avx512f), static_cast<bool>(__builtin_cpu_supports("avx512f")));
  EXPECT_EQ(works(Feature::avx512bw), static_cast<bool>(__builtin_cpu_supports("avx512bw")));
  EXPECT_EQ(works(Feature::avx512vnni), static_cast<bool>(__builtin_cpu_supports("avx512vnni")));
  EXPECT_EQ(works(Feature::avx512vbmi2), static_cast<bool>(__builtin_cpu_supports("avx512vbmi2")));
}
#endif

}  // namespace
}  // namespace tern::targets
