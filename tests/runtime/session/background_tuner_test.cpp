// The thread that tunes beside a run: what it finds is kept, and the run does not notice.
#include "runtime/session/background_tuner.h"

#include <gmock/gmock.h>

#include <chrono>

#include "autotune/records/database_file.h"
#include "runtime/session/session.h"
#include "targets/host.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class BackgroundTunerTest : public ::testing::Test {
 protected:
  // A step for each of some tokens; the logits of the last.
  static std::vector<float> run_model(runtime::Engine& engine) {
    runtime::Sequence sequence = engine.make_sequence(32).take();
    std::vector<float> last;
    for (uint32_t i = 0; i < 32; ++i) {
      const uint32_t token = i * 37 % 640;
      const runtime::Logits logits = engine.append(sequence, {&token, 1}).take();
      last.assign(logits[0].begin(), logits[0].end());
    }
    return last;
  }

  autotune::Database kept() const {
    std::vector<std::string> warnings;
    Expected<autotune::Database> database = autotune::load_database(
        path("kept.yaml"), autotune::provenance_of(*targets::detect_host()), warnings);
    EXPECT_TRUE(database) << database.error().text();
    EXPECT_TRUE(warnings.empty());
    return database ? database.take() : autotune::Database{};
  }

  SessionOptions options(bool tune_beside) const {
    SessionOptions options;
    options.model = TERN_SOURCE_DIR "/models/tern-small.gguf";
    options.threads = 1;
    options.no_cache = true;
    options.records.database = path("kept.yaml");
    options.tune_beside = tune_beside;
    return options;
  }

  std::string path(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
};

TEST_F(BackgroundTunerTest, KeepsWhatItTriedWhileBitsStayTheSame) {
  const Expected<Session> loaded = open_session(options(true));
  ASSERT_TRUE(loaded) << loaded.error().text();
  const std::vector<float> expected = run_model(*loaded->engine);
  // It gets as much time as it needs.
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  while (kept().records.empty() && std::chrono::steady_clock::now() < end)
    ASSERT_EQ(run_model(*loaded->engine), expected);
  const std::string summary = loaded->end_tuning();
  EXPECT_THAT(summary, Not(HasSubstr("0 kernels tried")));
  EXPECT_EQ(loaded->end_tuning(), summary) << "ended twice";
  EXPECT_EQ(run_model(*loaded->engine), expected) << "after the end";
  const autotune::Database database = kept();
  ASSERT_FALSE(database.records.empty());
  for (const autotune::Record& record : database.records) {
    EXPECT_EQ(record.conditions, (autotune::Conditions{"host", 1}));
    ASSERT_FALSE(record.timings.empty());
    EXPECT_GT(record.timings[0].ratio, 0);
    EXPECT_GT(record.timings[0].rounds, 0);
  }
  // The next run has what was taken, and computes the same.
  const Expected<Session> next = open_session(options(false));
  ASSERT_TRUE(next) << next.error().text();
  EXPECT_EQ(run_model(*next->engine), expected);
  const auto in_use = next->engine->plan().kernels();
  for (const autotune::Choice& choice : database.choices) {
    for (const ir::Kernel& kernel : choice.kernels)
      EXPECT_TRUE(
          std::ranges::any_of(in_use, [&](const ir::Kernel& one) { return hash(one) == hash(kernel); }));
  }
}

TEST_F(BackgroundTunerTest, EndsAtOnceIfNothingRuns) {
  const Expected<Session> loaded = open_session(options(true));
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_THAT(loaded->end_tuning(), HasSubstr("0 kernels tried, 0 taken"));
}

}  // namespace
}  // namespace tern::runtime
