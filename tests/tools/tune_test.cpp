// `tern tune` and `tern why`: what they say, and what is left of them when they are killed.
#include <gmock/gmock.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "autotune/records/database_file.h"
#include "command.h"
#include "targets/host.h"

namespace tern::tools {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class TuneTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    file_ = path("records.yaml");
  }

  std::string small() const {
    return fmt::format("tune --database {} --shape 96x256 --use 1:1 -t 1 ", file_);
  }

  // What is in the file; what is damaged is counted.
  autotune::Database load() {
    std::vector<std::string> warnings;
    Expected<autotune::Database> database =
        autotune::load_database(file_, autotune::provenance_of(*targets::detect_host()), warnings);
    EXPECT_TRUE(database) << database.error().text();
    return database ? database.take() : autotune::Database{};
  }
  static size_t timings(const autotune::Database& database) {
    size_t count = 0;
    for (const autotune::Record& record : database.records) count += record.timings.size();
    return count;
  }

  std::string file_;
};

TEST_F(TuneTest, ShowsWhatWasGainedAndWhy) {
  const Outcome tuned = run(small() + "--budget 60s --explain");
  EXPECT_EQ(tuned.exit_code, 0) << tuned.errors;
  EXPECT_THAT(tuned.output, ContainsRegex("\\| 96 x 256 +\\| +1 \\|"));
  EXPECT_THAT(tuned.output, HasSubstr("1 of 1 searches came to their end"));
  EXPECT_THAT(tuned.output, HasSubstr("rank correlation"));
  EXPECT_THAT(tuned.output, HasSubstr("limit: "));
  EXPECT_THAT(tuned.output, HasSubstr("records: " + file_));
  EXPECT_THAT(run(small()).output, HasSubstr("(known)"));

  const Outcome why = run(fmt::format("why 96x256 --database {}", file_));
  EXPECT_EQ(why.exit_code, 0) << why.errors;
  EXPECT_THAT(why.output, HasSubstr("1 rows:"));
  EXPECT_THAT(why.output, HasSubstr("the cost model said"));
  EXPECT_THAT(why.output, HasSubstr("not possible on this CPU"));
  EXPECT_THAT(run("why 97x256 --database " + file_).errors, HasSubstr("nothing was tuned for 97x256"));
}

TEST_F(TuneTest, ASampleShowsHowGoodTheCostModelIs) {
  const std::string command =
      fmt::format("tune --database {} --shape 96x256 --use 1:1,4:1 -t 1 --sample 20 --seed 7", file_);
  const Outcome sampled = run(command);
  EXPECT_EQ(sampled.exit_code, 0) << sampled.errors;
  EXPECT_THAT(sampled.output,
              ContainsRegex("4[0-2] random candidates and default kernels, [0-9]+ of them measured"));
  EXPECT_THAT(sampled.output, ContainsRegex("  all +[0-9]+ +-?[01]\\.[0-9]+"));
  EXPECT_THAT(sampled.output, ContainsRegex("  1 row +[0-9]+"));
  EXPECT_THAT(sampled.output, ContainsRegex("  4 rows +[0-9]+"));
  const autotune::Database database = load();
  EXPECT_GE(database.records.size(), 40u);
  EXPECT_TRUE(database.choices.empty());
  EXPECT_EQ(run(command + " --exhaustive").exit_code, 2);
}

TEST_F(TuneTest, WrongArguments) {
  const auto refused = [&](const std::string& arguments, const std::string& message) {
    const Outcome outcome = run("tune --database " + file_ + " " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.errors, HasSubstr(message)) << arguments;
  };
  refused("--budget 5parsecs", "'5parsecs' is no time such as 60s");
  refused("--budget 0", "'0' is no time");
  refused("--shape 96", "'96' is no shape");
  refused("--shape 0x5", "'0x5' is no shape");
  refused("--use 1", "is no list of rows and calls");
  refused("--use 4:1,1:1", "ascending");
  refused("--use 1:-3", "is no list of rows and calls");
  refused("-m nothing.gguf", "nothing.gguf");
  refused("--from nothing.yaml", "cannot be read");
  refused("--target nothing", "nothing");
  const Outcome foreign = run("tune --database " + file_ + " --target neoverse-n1");
  EXPECT_EQ(foreign.exit_code, 1);
  EXPECT_THAT(foreign.errors, HasSubstr("is a target of aarch64"));
}

TEST_F(TuneTest, ListsItsSpace) {
  const Outcome space = run("tune --space --shape 96x256 --use 1:1 --target neoverse-n1");
  EXPECT_EQ(space.exit_code, 0);
  EXPECT_THAT(space.output,
              ContainsRegex("96 x 256, 1 row: [0-9]+ candidates of [0-9]+ recipes, [0-9]+ refused"));
  EXPECT_THAT(space.output, HasSubstr("g2b4 lookup"));
  EXPECT_THAT(space.output, HasSubstr("refused: "));
}

TEST_F(TuneTest, PredictsForACpuThatIsNotAtHand) {
  const Outcome predicted =
      run("tune --predict --shape 96x256 --use 1:4,16:1 --target neoverse-n1 --database " + file_);
  EXPECT_EQ(predicted.exit_code, 0) << predicted.errors;
  EXPECT_THAT(predicted.output, HasSubstr("nothing was measured"));
  EXPECT_THAT(predicted.output, ContainsRegex("\\| 96 x 256 +\\| +1 \\|"));
  EXPECT_THAT(predicted.output, Not(HasSubstr("by recipe")));
  const std::string reasons =
      run("tune --predict --explain --shape 96x256 --use 1:4,16:1 --target neoverse-n1 --database " + file_)
          .output;
  EXPECT_THAT(reasons, HasSubstr("96 x 256, 16 rows, by recipe\n   1. "));
  EXPECT_THAT(reasons, ContainsRegex("[0-9]+\\. +[0-9.]+ us  b2 dot: .*; limit: "));
  // Nobody takes them for this machine's.
  EXPECT_THAT(run("why 96x256 --database " + file_).errors, HasSubstr("another machine"));
}

// A tuner that is killed loses the race that was being run, and nothing else.
TEST_F(TuneTest, KilledAtAnyMomentItGoesOn) {
  std::mt19937 random(1);
  size_t known = 0;
  // On a busy machine the first race may take longer than the usual life: lives grow until one was long
  // enough.
  for (unsigned i = 0; i < 20 || (known == 0 && i < 100); ++i) {
    const pid_t child = start(small() + "--budget 60s --again");
    const unsigned longest = 2500 + 250 * (i - std::min(i, 20u));
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % longest));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const size_t now = timings(load());
    EXPECT_GE(now, known) << "after " << i;
    known = now;
  }
  EXPECT_GT(known, 0u) << "nothing was measured before any of the kills";
  const Outcome finished = run(small() + "--budget 60s");
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  const autotune::Database database = load();
  EXPECT_GE(timings(database), known);
  ASSERT_EQ(database.choices.size(), 1u);
  EXPECT_TRUE(database.choices[0].complete);
}

TEST_F(TuneTest, AnInterruptEndsItInOrder) {
  const pid_t child = start(small() + "--budget 60s");
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_TRUE(WEXITSTATUS(status) == 130 || WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
  load();
}

TEST_F(TuneTest, TwoAtOnceKeepWhatBothFind) {
  const pid_t one = start(small() + "--budget 60s --seed 1");
  const pid_t two =
      start(fmt::format("tune --database {} --shape 64x512 --use 1:1 -t 1 --budget 60s", file_));
  for (const pid_t child : {one, two}) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  const autotune::Database database = load();
  EXPECT_EQ(database.choices.size(), 2u);
  for (const int64_t n : {96, 64}) {
    EXPECT_GT(
        std::ranges::count_if(database.records,
                              [&](const autotune::Record& record) { return record.kernel.problem.n == n; }),
        10);
  }
}

}  // namespace
}  // namespace tern::tools
