// The thread that tunes beside a run: what it finds is kept, and the run does not notice.
#include "tools/tune/background_tuner.h"

#include <gmock/gmock.h>

#include <chrono>

#include "autotune/records/database_file.h"
#include "command.h"
#include "targets/host.h"

namespace tern::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class BackgroundTunerTest : public CommandTest {
 protected:
  // A step for each of some tokens; the logits of the last.
  static std::vector<float> run_model(runtime::Engine& engine) {
    runtime::KvCache cache = engine.make_cache(32).take();
    std::vector<float> last;
    for (uint32_t i = 0; i < 32; ++i) {
      const uint32_t token = i * 37 % 640;
      const runtime::Logits logits = engine.append(cache, {&token, 1});
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

  EngineFlags flags() const {
    EngineFlags flags;
    flags.threads = 1;
    flags.no_cache = true;
    flags.records.database = path("kept.yaml");
    return flags;
  }
};

TEST_F(BackgroundTunerTest, KeepsWhatItTriedWhileBitsStayTheSame) {
  Expected<LoadedEngine> loaded = load_and_tune_beside(flags());
  ASSERT_TRUE(loaded) << loaded.error().text();
  const std::vector<float> expected = run_model(*loaded->engine);
  // It gets as much time as it needs.
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  while (kept().records.empty() && std::chrono::steady_clock::now() < end)
    ASSERT_EQ(run_model(*loaded->engine), expected);
  const std::string summary = loaded->end_beside();
  EXPECT_THAT(summary, Not(HasSubstr("0 kernels tried")));
  EXPECT_EQ(loaded->end_beside(), summary) << "ended twice";
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
  const Expected<LoadedEngine> next = load_engine(flags());
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
  Expected<LoadedEngine> loaded = load_and_tune_beside(flags());
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_THAT(loaded->end_beside(), HasSubstr("0 kernels tried, 0 taken"));
}

}  // namespace
}  // namespace tern::tools
