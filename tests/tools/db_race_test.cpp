// `tern db race`: what it says of hand-made databases. Nothing here depends on what is fast.
#include "tools/db/db_race_text.h"

#include <gmock/gmock.h>

#include <csignal>
#include <limits>
#include <thread>

#include "autotune/records/database_file.h"
#include "command.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/default_kernel.h"
#include "kernels/knobs.h"
#include "targets/host.h"
#include "targets/legal.h"
#include "tests/support/text_edit.h"

namespace tern::tools {
namespace {

using autotune::Choice;
using autotune::ChoiceEntry;
using autotune::ChoiceRaceResult;
using autotune::Database;
using kernels::default_kernel;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

ir::Problem trits(int64_t m, int64_t n = 64, int64_t k = 128) {
  return ir::matmul(m, n, k, {ir::Element::trit, ir::Scaling::tensor});
}

const targets::Target& target() {
  return targets::detect_host()->target;
}

// Kernels that differ in something that no layout knows.
ir::Kernel other(const ir::Problem& problem, int i) {
  ir::Kernel kernel = default_kernel(problem, target());
  kernel.schedule.prefetch_bytes += 64 * (i + 1);
  return kernel;
}

// One that this machine cannot run: none has the instructions for matrices of both x86 and ARM.
ir::Kernel impossible(const ir::Problem& problem) {
  for (const kernels::Recipe& recipe : kernels::recipes(problem.w.element)) {
    const ir::Kernel kernel = make_kernel(recipe, problem, target());
    if (ir::verify(kernel).empty() && !targets::legality_errors(kernel, target()).empty()) return kernel;
  }
  ADD_FAILURE() << "every recipe is legal here";
  return default_kernel(problem, target());
}

Choice choice(std::vector<ir::Kernel> kernels, int threads = 1) {
  const size_t count = kernels.size();
  return {{"host", threads},
          std::move(kernels),
          std::vector<double>(count, 1.25e-6),
          std::vector<double>(count, 0.9),
          false,
          true,
          "2026-11-21T10:15:00Z"};
}

Database database(std::vector<Choice> choices) {
  return {autotune::provenance_of(*targets::detect_host()), {}, std::move(choices), {}};
}

class DbRaceTest : public CommandTest {
 protected:
  std::string write_database(const std::string& name, const Database& content) const {
    return write(name, print(content));
  }
  std::string one() const {
    return write_database("one.yaml",
                          database({choice({other(trits(1), 0), default_kernel(trits(4), target())}),
                                    choice({other(trits(1, 96), 0)})}));
  }
  std::string two() const {
    return write_database("two.yaml",
                          database({choice({other(trits(1), 0)}), choice({other(trits(1, 96), 1)})}));
  }
  Outcome race(const std::string& arguments) const { return run("db race -t 1 --rounds 3 " + arguments); }
};

TEST_F(DbRaceTest, ComparesWhatTheFilesHave) {
  const Outcome outcome = race(one() + " " + two());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_EQ(outcome.errors, "");
  EXPECT_THAT(outcome.output,
              StartsWith("file 1: " + path("one.yaml") + "\nfile 2: " + path("two.yaml") + "\n"));
  EXPECT_THAT(outcome.output, HasSubstr("; 3 rounds, 1 thread\n"));
  const std::string time = "[0-9.]+ us \\| +", ratio = "([0-9.]+ \\+- [0-9.]+) \\| +";
  EXPECT_THAT(outcome.output,
              AllOf(ContainsRegex("\\| 64 x 128 +\\| +1 \\| +" + time + ratio + ratio + "same kernel \\|\n"),
                    ContainsRegex("\\| +\\| +4 \\| +" + time + "the default \\| +- \\| +- \\|\n"),
                    ContainsRegex("\\| 96 x 128 +\\| +1 \\| +" + time + ratio + ratio +
                                  "(none clear|[0-9.]+ %) \\|\n"),
                    ContainsRegex("\n(no clear difference|largest clear difference: [0-9.]+ % \\(96 x 128, 1 "
                                  "row\\))\n$")));
}

TEST_F(DbRaceTest, ShapesLimitIt) {
  // Files come after a shape, too.
  const Outcome outcome = race("--shape 64x128 " + one() + " " + two());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("| 64 x 128 "), Not(HasSubstr("| 96 x 128 "))));
  const Outcome both = race("--shape 96x128 --shape 64x128 " + one() + " " + two());
  EXPECT_THAT(both.output, AllOf(HasSubstr("| 64 x 128 "), HasSubstr("| 96 x 128 ")));
  const Outcome unknown = race("--shape 32x32 " + one() + " " + two());
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("--shape: no file has a choice for 32x32"));
  EXPECT_EQ(race("--shape 64 " + one() + " " + two()).exit_code, 2);
}

TEST_F(DbRaceTest, EveryFileMustHaveSomethingToSay) {
  const Outcome alone = race(one());
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_THAT(alone.errors, HasSubstr("files: At least 2 required"));
  EXPECT_THAT(race(one() + " " + path("none.yaml")).errors, HasSubstr("none.yaml: no such database"));
  const std::string elsewhere = write_database("three.yaml", database({choice({other(trits(1), 0)}, 3)}));
  const Outcome none = race(one() + " " + elsewhere);
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.errors, HasSubstr("three.yaml: has no choice for target host and 1 thread, but for target "
                                     "host and 3 threads"));
  EXPECT_EQ(none.output, "");
}

TEST_F(DbRaceTest, ForeignAndDamagedFilesAreRefused) {
  Database foreign = database({choice({other(trits(1), 0)})});
  foreign.provenance.cpu = "x86_64/Another/1/2/3";
  const Outcome refused = race(one() + " " + write_database("foreign.yaml", foreign));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("foreign.yaml: the records of another machine"),
                                    HasSubstr("CPU: the records have x86_64/Another/1/2/3")));
  const std::string doctored =
      write("doctored.yaml", testing::replaced(print(foreign), "x86_64/Another/1/2/3",
                                               autotune::provenance_of(*targets::detect_host()).cpu));
  const Outcome changed = race(one() + " " + doctored);
  EXPECT_EQ(changed.exit_code, 2);
  EXPECT_THAT(changed.errors, HasSubstr("doctored.yaml: holds no undamaged document"));

  // Damaged parts are not used; the rest is.
  Database whole = database({choice({other(trits(1), 0)}), choice({other(trits(1, 96), 0)})});
  whole.choices[1].seconds = {2.5e-6};
  const std::string text = testing::replaced(print(whole), "microseconds: 2.5", "microseconds: 2.6");
  const Outcome damaged = race(one() + " " + write("damaged.yaml", text));
  EXPECT_EQ(damaged.exit_code, 0) << damaged.errors;
  EXPECT_THAT(damaged.errors, AllOf(HasSubstr("tern: warning: "), HasSubstr("see 'tern db verify'")));
  EXPECT_THAT(damaged.output, ContainsRegex("\\| 96 x 128 .* \\+- .* - \\| +- \\|\n"));
}

TEST_F(DbRaceTest, WhatCannotRunIsSaid) {
  const std::string bad = write_database("bad.yaml", database({choice({impossible(trits(1))})}));
  const Outcome outcome = race("--shape 64x128 " + two() + " " + bad);
  EXPECT_EQ(outcome.exit_code, 1) << outcome.errors;
  EXPECT_THAT(outcome.output,
              AllOf(ContainsRegex(" refused \\| +- \\|\n"), HasSubstr("\nrefused: 64 x 128, 1 row, file 2: "),
                    HasSubstr("\nnothing to compare: ")));
}

// Whether a process is a command that has said that it will handle a signal.
bool catches(pid_t process, int signal) {
  std::ifstream status(fmt::format("/proc/{}/status", process));
  for (std::string word; status >> word;) {
    if (word == "Name:" && status >> word && word != "tern") return false;  // but still the shell
    if (word != "SigCgt:") continue;
    uint64_t caught = 0;
    status >> std::hex >> caught;
    return (caught >> (signal - 1) & 1) != 0;
  }
  return false;
}

TEST_F(DbRaceTest, AnInterruptEndsItInOrder) {
  const pid_t child = start("db race -t 1 --rounds 100000 " + one() + " " + two());
  while (!catches(child, SIGINT) && waitpid(child, nullptr, WNOHANG) == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_THAT(read("stdout"), ContainsRegex("ended (early|before anything)"));
}

ChoiceEntry entry(size_t kernel, double ratio, double error) {
  return {kernel, "", {ratio, error, 40}};
}

TEST(DbRaceText, IsATableWithTheLargestDifferenceBelow) {
  const ChoiceEntry refused{3, "C[0,0] is 1 and should be 2", {}};
  const std::vector<ChoiceRaceResult> results = {
      {trits(1, 2560, 6912),
       40,
       312.44e-6,
       {entry(1, 0.912, 0.002), entry(2, 0.925, 0.003)},
       {{0.013, 0.002, 40}}},
      {trits(4, 2560, 6912), 40, 0.5e-3, {entry(1, 0.9, 0.002), entry(0, 1, 0)}, {{0.1, 0.04, 40}}},
      {trits(1, 640, 2560), 40, 8e-6, {entry(1, 0.5, 0.001), entry(1, 0.5, 0.001)}, {{0, 0, 40}}},
      {trits(4, 640, 2560), 40, 9e-6, {std::nullopt, entry(1, 0.5, 0.001)}, {}},
      {trits(8, 640, 2560),
       2,
       9e-6,
       {refused, ChoiceEntry{1, "", {0.5, std::numeric_limits<double>::infinity(), 2}}},
       {}}};
  const std::string table =
      "file 1: a.yaml\n"
      "file 2: b.yaml\n"
      "times of the default kernel, and of others over its time in the same round; 40 rounds, 2 threads\n"
      "\n"
      "| shape              | rows |       default |          file 1 |          file 2 |  difference |\n"
      "| ------------------ | ---: | ------------: | --------------: | --------------: | ----------: |\n"
      "| 2560 x 6912        |    1 |      312.4 us |  0.912 +- 0.002 |  0.925 +- 0.003 |       1.3 % |\n"
      "|                    |    4 |      500.0 us |  0.900 +- 0.002 |     the default |  none clear |\n"
      "| 640 x 2560         |    1 |        8.0 us |  0.500 +- 0.001 |  0.500 +- 0.001 | same kernel |\n"
      "|                    |    4 |        9.0 us |               - |  0.500 +- 0.001 |           - |\n"
      "|                    |    8 |        9.0 us |         refused |      0.500 +- ? |           - |\n"
      "\n"
      "refused: 640 x 2560, 8 rows, file 1: C[0,0] is 1 and should be 2\n";
  EXPECT_EQ(race_text(results, {{"a.yaml", "b.yaml"}, 2, 40, 6}),
            table +
                "ended early: 5 of 6 problems were timed, the last in 2 rounds\n"
                "largest clear difference: 1.3 % (2560 x 6912, 1 row)\n");
  const std::span<const ChoiceRaceResult> some(results);
  const RaceSetting setting{{"a.yaml", "b.yaml"}, 2, 40, 1};
  EXPECT_THAT(race_text(some.subspan(1, 1), setting), ::testing::EndsWith("|\n\nno clear difference\n"));
  EXPECT_THAT(race_text(some.subspan(3, 1), setting), HasSubstr("\nnothing to compare: "));
  EXPECT_EQ(race_text({}, setting), "ended before anything was timed\n");
}

}  // namespace
}  // namespace tern::tools
