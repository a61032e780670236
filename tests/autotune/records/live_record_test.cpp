// What trials on real work leave in the database.
#include "autotune/records/live_record.h"

#include <gtest/gtest.h>

#include <set>

#include "autotune/search/hill_climb.h"
#include "kernels/default_kernel.h"
#include "targets/host.h"

namespace tern::autotune {
namespace {

const targets::Target& target() {
  static const targets::Target found = targets::find_runnable_target("host").take();
  return found;
}

ir::Problem problem(int64_t m) {
  return ir::matmul(m, 256, 512, {ir::Element::trit, ir::Scaling::tensor});
}

std::vector<ir::Kernel> defaults() {
  std::vector<ir::Kernel> kernels;
  for (const int64_t m : {1, 4, 256}) kernels.push_back(kernels::default_kernel(problem(m), target()));
  return kernels;
}

HillClimb climb_from_default() {
  return {*candidate_of(kernels::default_kernel(problem(1), target()), {}, target()), target()};
}

const Conditions conditions{"host", 2};
const LiveRaceResult faster{Verdict::faster, {0.9, 0.01, 40}, 2e-5, 1.8e-5, 0.02, 8};

TEST(HillClimb, TriesEachNeighbourOnceAndGoesOnFromTheBetter) {
  HillClimb climb = climb_from_default();
  const std::optional<kernels::Candidate> first = climb.next();
  ASSERT_TRUE(first);
  climb.move_to(*first);
  std::set<uint64_t> seen = {hash(first->kernel), hash(kernels::default_kernel(problem(1), target()))};
  while (const std::optional<kernels::Candidate> candidate = climb.next()) {
    EXPECT_TRUE(kernels::same_layouts(candidate->kernel, first->kernel));
    EXPECT_NE(candidate->kernel.strategy(), ir::Strategy::lookup);
    EXPECT_TRUE(seen.insert(hash(candidate->kernel)).second) << print(*candidate);
  }
  EXPECT_GT(seen.size(), 3u);
  climb.retry_later(*first);
  EXPECT_EQ(hash(climb.next()->kernel), hash(first->kernel));
  EXPECT_FALSE(climb.next());
  HillClimb other = climb_from_default();
  std::vector<uint64_t> around;
  for (const kernels::Candidate& candidate : kernels::neighbours(other.now(), target(), true))
    around.push_back(hash(candidate.kernel));
  other.leave_out(around);
  EXPECT_FALSE(other.next());
}

TEST(LiveRecord, DefaultKernelsAreAChoiceWithRatiosOfOne) {
  const std::optional<Choice> choice = choice_in_use({}, defaults(), target(), conditions);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->kernels, defaults());
  EXPECT_EQ(choice->ratios, (std::vector<double>{1, 1, 1}));
  EXPECT_FALSE(choice->complete);
  std::vector<ir::Kernel> unknown = defaults();
  unknown[0] = climb_from_default().next()->kernel;
  EXPECT_FALSE(choice_in_use({}, unknown, target(), conditions));
}

TEST(LiveRecord, RatiosGoBackToTheDefaultKernel) {
  HillClimb climb = climb_from_default();
  const kernels::Candidate first = *climb.next(), second = *climb.next();
  std::optional<Choice> choice = choice_in_use({}, defaults(), target(), conditions);
  replace_kernel(*choice, first, faster, "2026-11-21T10:15:00Z");
  EXPECT_EQ(choice->kernels.size(), 3u);
  EXPECT_EQ(hash(choice->kernels[0]), hash(first.kernel));
  EXPECT_DOUBLE_EQ(choice->ratios[0], 0.9);
  EXPECT_DOUBLE_EQ(choice->seconds[0], 1.8e-5);
  EXPECT_DOUBLE_EQ(ratio_for(*choice, 1), 0.9);
  EXPECT_DOUBLE_EQ(ratio_for(*choice, 256), 1);
  const Record record = record_of(second, faster, ratio_for(*choice, 1), conditions, 0, choice->date);
  ASSERT_EQ(record.timings.size(), 1u);
  EXPECT_DOUBLE_EQ(record.timings[0].ratio, 0.81);
  EXPECT_DOUBLE_EQ(record.timings[0].error, 0.009);
  EXPECT_EQ(hash(candidate_of(record.kernel, std::vector<Record>{record}, target())->kernel),
            hash(second.kernel));

  // The next run takes it, and knows what it is worth.
  Database database{provenance_of(*targets::detect_host()), {record}, {*choice}, {}};
  const std::string text = print(database);
  const Expected<ParsedDatabase> parsed = parse_database(text, "records");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->quarantined.empty());
  std::vector<ir::Kernel> in_use;
  for (const int64_t m : {1, 4, 256})
    in_use.push_back(*find_kernel(parsed->database, problem(m), target(), 2));
  EXPECT_EQ(hash(in_use[0]), hash(first.kernel));
  const std::optional<Choice> again = choice_in_use(parsed->database, in_use, target(), conditions);
  ASSERT_TRUE(again);
  EXPECT_DOUBLE_EQ(ratio_for(*again, 1), 0.9);
  database.choices[0].predicted = true;
  EXPECT_FALSE(choice_in_use(database, in_use, target(), conditions));
}

}  // namespace
}  // namespace tern::autotune
