#include "autotune/database.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "autotune/default_kernel.h"

namespace tern::autotune {
namespace {

using ir::Problem;

Problem ternary(int64_t m) {
  return {m, 640, 2560, ir::Element::trit, ir::Scaling::tensor, 0};
}

targets::Target target() {
  return targets::load_target("icelake-server").take();
}

// A legal kernel whose layout is not the default's, nor that of another `outputs`.
ir::Kernel other_layout(int64_t m, int64_t outputs) {
  const std::string text = fmt::format(R"(kernel @k {{
  problem matmul m={} n=640 k=2560 {{
    A: f32[m,k] quantize i8 absmax per m
    W: trit[n,k] scale f32 per tensor
    C: f32[m,n] accumulate i32
  }}
  layout {{ W: b2 [n/{}, k/16, n%{}/16, n%16, k%4, k%16/4] align 64 }}
  schedule {{
    parallel n by {}
    parallel m by 1
    for k by 16
    unroll n by 16
    vector n by 16
  }}
  compute dot W*A {{ offset 1, correct -sum_k A }}
  epilogue C = f32(acc) / sa[m] * sw
}})",
                                       m, outputs, outputs, outputs);
  const Expected<ir::ParsedKernel> parsed = ir::parse_kernel(text);
  EXPECT_TRUE(parsed) << parsed.error().text();
  return parsed->kernel;
}

TEST(Database, PrintsAndParses) {
  const Database database{"x86_64/Vendor/1/2/3",
                          {default_kernel(ternary(1), target()), other_layout(4, 32), other_layout(9, 64)}};
  const Expected<Database> again = parse_database(print(database), "kernels.yaml");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(*again, database);
}

TEST(Database, RefusesWhatIsNotOneAndSaysWhere) {
  const auto message = [](const std::string& yaml) {
    const Expected<Database> database = parse_database(yaml, "kernels.yaml");
    return database ? std::string("accepted") : database.error().text();
  };
  EXPECT_EQ(message("[1, 2]"), "kernels.yaml:1:1: a database must be a map with 'fingerprint' and 'kernels'");
  EXPECT_EQ(message("kernels: []"), "kernels.yaml: the fingerprint of the CPU is missing");
  EXPECT_EQ(message("fingerprint: a\nkernel: []"),
            "kernels.yaml:2:1: 'kernel' is not 'fingerprint' (a text) or 'kernels' (a list)");
  EXPECT_EQ(message("fingerprint: a\nkernels:\n  - [1]\n"),
            "kernels.yaml:3:5: a record must be the text of a kernel");
  EXPECT_EQ(
      message("fingerprint: a\nkernels:\n  - |\n    kernel @x {\n      broken\n    }\n"),
      "kernels.yaml:3:5: in the kernel that begins here, line 2: expected 'problem' but found 'broken'");
  EXPECT_NE(message("fingerprint: {"), "accepted");
  Database twice{"a", {other_layout(1, 32), other_layout(1, 64)}};
  EXPECT_NE(message(print(twice)).find("an earlier record is for the same problem"), std::string::npos);
}

TEST(Database, AnotherCpusRecordsAreRefused) {
  const std::string file = ::testing::TempDir() + "kernels.yaml";
  std::ofstream(file) << print(Database{"x86_64/A/1/1/1", {}});
  EXPECT_TRUE(load_database(file, "x86_64/A/1/1/1"));
  const Expected<Database> other = load_database(file, "x86_64/B/1/1/1");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().text().find("records of the CPU x86_64/A/1/1/1, but this one is x86_64/B/1/1/1"),
            std::string::npos);
  std::remove(file.c_str());
  const Expected<Database> missing = load_database(file, "x86_64/B/1/1/1");
  ASSERT_TRUE(missing);
  EXPECT_TRUE(missing->kernels.empty());
}

TEST(ChooseKernel, TakesARecordOnlyIfAllRowsCanShareTheWeights) {
  const std::vector<int64_t> rows = {1, 4};
  const ir::Kernel fallback = default_kernel(ternary(1), target());
  EXPECT_EQ(choose_kernel({"", {}}, ternary(1), target(), rows), fallback);

  const Database one{"", {other_layout(1, 32)}};
  EXPECT_EQ(choose_kernel(one, ternary(1), target(), rows), fallback);
  const Database different{"", {other_layout(1, 32), other_layout(4, 64)}};
  EXPECT_EQ(choose_kernel(different, ternary(1), target(), rows), fallback);
  const Database both{"", {other_layout(1, 32), other_layout(4, 32)}};
  EXPECT_EQ(choose_kernel(both, ternary(1), target(), rows), both.kernels[0]);
  EXPECT_EQ(choose_kernel(both, ternary(4), target(), rows), both.kernels[1]);

  ir::Kernel tuned = fallback;
  tuned.schedule.prefetch_bytes = 8192;
  EXPECT_EQ(choose_kernel({"", {tuned}}, ternary(1), target(), rows), tuned);
}

TEST(ChooseKernel, LeavesARecordThatTheTargetCannotRun) {
  const targets::Target narrow = targets::load_target("x86-64-v3").take();
  const Database both{"", {other_layout(1, 32), other_layout(4, 32)}};
  EXPECT_EQ(choose_kernel(both, ternary(1), narrow, {1, 4}), default_kernel(ternary(1), narrow));
}

}  // namespace
}  // namespace tern::autotune
