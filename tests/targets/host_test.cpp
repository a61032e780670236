#include "targets/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "targets/probe.h"

namespace tern::targets {
namespace {

using testing::HasSubstr;
using testing::Not;

const Host& host() {
  static const Host result = *detect_host();
  return result;
}

Target load(const std::string& name) {
  return *load_target(name);
}

TEST(Host, IsWhatTheProbesAndTheSystemSay) {
  EXPECT_EQ(host().target.name, "host");
  EXPECT_EQ(host().target.architecture, host_architecture());
  EXPECT_EQ(host().target.features, probed_features());
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  EXPECT_EQ(host().hardware_threads, CPU_COUNT(&allowed));
  EXPECT_GE(host().hardware_threads, host().target.cores);
}

TEST(Host, HasTheSmallestFirstCacheOfItsCores) {
  const Cache* first = find_cache(host().target, 1);
  const long size_of_this_core = sysconf(_SC_LEVEL1_DCACHE_SIZE);
  if (first == nullptr || size_of_this_core <= 0) GTEST_SKIP() << "this system tells nothing about caches";
  EXPECT_LE(first->size_bytes, size_of_this_core);
  EXPECT_GE(first->size_bytes, 8 << 10);
  EXPECT_EQ(first->line_bytes, sysconf(_SC_LEVEL1_DCACHE_LINESIZE));
}

TEST(Host, PrintsAsATargetFile) {
  Expected<Target> again = parse_target(print(host().target), "copy.yaml");
  ASSERT_TRUE(again) << again.error().text() << "\n" << print(host().target);
  again->name = "host";
  EXPECT_EQ(*again, host().target);
}

TEST(Host, HasAFingerprint) {
  EXPECT_EQ(text(Fingerprint{Architecture::x86_64, "GenuineIntel", "6", "143", "8"}),
            "x86_64/GenuineIntel/6/143/8");
  EXPECT_THAT(text(host().fingerprint), testing::StartsWith(std::string(name(host_architecture())) + "/"));
#if defined(__x86_64__)
  EXPECT_THAT(text(host().fingerprint), Not(HasSubstr("unknown")));
#endif
}

TEST(CanRun, ListsWhatIsMissing) {
  EXPECT_TRUE(can_run(load("zen4"), load("zen4")));
  EXPECT_TRUE(can_run(load("x86-64-v2"), load("alderlake")));
  EXPECT_EQ(
      can_run(load("icelake-server"), load("skylake-avx512")).error().text(),
      "icelake-server needs gfni, avx512vnni, avx512vbmi, avx512vbmi2, which this machine does not have");
  EXPECT_THAT(can_run(load("sapphire-rapids"), load("zen5")).error().text(),
              HasSubstr("avx512fp16, amx-tile"));
}

TEST(CanRun, LooksAtTheArchitectureAndTheVectorWidth) {
  Target arm = load("generic");
  arm.name = "some-arm";
  arm.architecture = Architecture::aarch64;
  EXPECT_EQ(can_run(arm, load("zen4")).error().text(),
            "some-arm is a target of aarch64, and this machine is x86_64");
  Target wide = arm;
  wide.vector_bits = 256;
  EXPECT_EQ(can_run(wide, arm).error().text(),
            "some-arm needs vectors of 256 bits, and those of this machine have 128");
}

TEST(CanRun, SveNeedsTheWidthItWasCompiledFor) {
  EXPECT_TRUE(can_run(load("neoverse-v1"), load("neoverse-v1")));
  Target wider = load("neoverse-v1");
  wider.vector_bits = 512;
  EXPECT_EQ(can_run(load("neoverse-v1"), wider).error().text(),
            "neoverse-v1 needs SVE vectors of exactly 256 bits, and those of this machine have 512");
  EXPECT_TRUE(can_run(load("neoverse-n1"), wider)) << "NEON's vectors have one width";
}

TEST(CanRun, EveryMachineRunsGenericCode) {
  EXPECT_TRUE(can_run(load("generic"), host().target));
  EXPECT_TRUE(can_run(load("generic"), load("zen4")));
}

TEST(Restricted, TakesInstructionsFromTheTargetAndTheRestFromTheHost) {
  Target machine = load("zen5");
  machine.cores = 12;
  machine.memory_gigabytes_per_second = 80;
  const Expected<Target> result = restrict_to(load("x86-64-v3"), machine);
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->name, "x86-64-v3");
  EXPECT_EQ(result->features, load("x86-64-v3").features);
  EXPECT_EQ(result->vector_bits, 256);
  EXPECT_EQ(result->vector_registers, 16);
  EXPECT_EQ(result->caches, machine.caches);
  EXPECT_EQ(result->cores, 12);
  EXPECT_EQ(result->memory_gigabytes_per_second, 80);
  EXPECT_FALSE(restrict_to(machine, load("x86-64-v3")));
}

TEST(FindTarget, KnowsTheHostByName) {
  EXPECT_EQ(*find_target("host"), host().target);
  EXPECT_EQ(*find_target("zen4"), load("zen4"));
  EXPECT_FALSE(find_target("hosst"));
  EXPECT_EQ(*find_runnable_target("host"), host().target);
  const Expected<Target> generic = find_runnable_target("generic");
  ASSERT_TRUE(generic) << generic.error().text();
  EXPECT_TRUE(generic->features.empty());
  EXPECT_EQ(generic->llvm_triple, host().target.llvm_triple);
}

}  // namespace
}  // namespace tern::targets
