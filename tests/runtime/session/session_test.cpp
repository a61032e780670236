// Opening a model as a library: values in, values out, and nothing said on the way but to the caller.
#include "runtime/session/session.h"

#include <gmock/gmock.h>

#include "autotune/records/database_file.h"
#include "kernels/default_kernel.h"
#include "runtime/execute/packed_weights.h"
#include "runtime/session/machine_threads.h"
#include "runtime/session/thread_tuning.h"
#include "targets/host.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    setenv("TERN_DATABASE", (folder_ / "records").c_str(), 1);
  }  // not what this user has tuned

  SessionOptions options() const {
    SessionOptions options;
    options.model = TERN_SOURCE_DIR "/models/tern-small.gguf";
    options.cache = folder_ / "cache";
    return options;
  }
  static Error error_of(const SessionOptions& options) {
    const Expected<Session> session = open_session(options);
    EXPECT_FALSE(session);
    return session ? Error() : session.error();
  }
  // Records of this machine, with a choice of 2 threads to decode and 1 for prompts for the model in the box.
  std::string records_with_threads() const {
    autotune::Database database{autotune::provenance_of(*targets::detect_host()), {}, {}, {}};
    const Model model = load_model(options().model, {.check_values = false}).take();
    database.threads.push_back({shape_of(model.hyperparameters), 2, 1, {}, "2026-11-21T10:15:00Z"});
    const std::string file = folder_ / "threads.yaml";
    const Status written = autotune::append_to_database(file, database);
    EXPECT_TRUE(written) << written.error().text();
    return file;
  }

  TemporaryFolder folder_;
};

TEST_F(SessionTest, OpensAModelWithoutAWord) {
  ::testing::internal::CaptureStderr();
  std::vector<std::string> warnings;
  const Expected<Session> session =
      open_session(options(), [&](const std::string& text) { warnings.push_back(text); });
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), IsEmpty());
  ASSERT_TRUE(session) << session.error().text();
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_EQ(session->engine->threads(), EngineThreads(default_threads()));
  EXPECT_FALSE(session->threads_are_tuned);
  EXPECT_EQ(session->kernels, std::to_string(session->engine->plan().kernels().size()) + " default");
  EXPECT_FALSE(session->end_tuning);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "cache"));
}

TEST_F(SessionTest, DamagedRecordsAreToldToTheCaller) {
  const std::string file = records_with_threads();
  std::ofstream(file, std::ios::app) << "--- # choice of 00000000, checksum 0000000000000000\nx: y\n...\n";
  SessionOptions with_records = options();
  with_records.records.database = file;
  ::testing::internal::CaptureStderr();
  std::vector<std::string> warnings;
  const Expected<Session> session =
      open_session(with_records, [&](const std::string& text) { warnings.push_back(text); });
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), IsEmpty());
  ASSERT_TRUE(session) << session.error().text();
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("threads.yaml")));
}

TEST_F(SessionTest, ThreadsAreThoseThatWereTunedUnlessTheCallerSaysHowMany) {
  if (targets::detect_host()->hardware_threads < 2) GTEST_SKIP() << "two threads are more than there are";
  SessionOptions with_records = options();
  with_records.records.database = records_with_threads();
  const Expected<Session> tuned = open_session(with_records);
  ASSERT_TRUE(tuned) << tuned.error().text();
  EXPECT_TRUE(tuned->threads_are_tuned);
  EXPECT_EQ(tuned->engine->threads(), EngineThreads(2, 1, {}));
  with_records.threads = 1;
  const Expected<Session> told = open_session(with_records);
  ASSERT_TRUE(told) << told.error().text();
  EXPECT_FALSE(told->threads_are_tuned);
  EXPECT_EQ(told->engine->threads(), EngineThreads(1));
}

TEST_F(SessionTest, ErrorsSayWhoseFaultTheyAre) {
  SessionOptions wrong = options();
  wrong.model = folder_ / "none.gguf";
  EXPECT_EQ(error_of(wrong).kind, ErrorKind::input);

  wrong = options();
  wrong.target = "no-such-cpu";
  EXPECT_EQ(error_of(wrong).kind, ErrorKind::input);
  const bool is_arm = targets::host_architecture() == targets::Architecture::aarch64;
  wrong.target = is_arm ? "zen4" : "cortex-a72";
  EXPECT_EQ(error_of(wrong).kind, ErrorKind::machine);

  wrong = options();
  wrong.records.database = folder_ / "none.yaml";
  EXPECT_EQ(error_of(wrong).kind, ErrorKind::input);
  EXPECT_EQ(error_of(wrong).where.file, folder_ / "none.yaml");

  wrong = options();
  wrong.threads = 2000;
  EXPECT_EQ(error_of(wrong).kind, ErrorKind::input);

  wrong = options();
  wrong.cache = options().model;
  EXPECT_EQ(error_of(wrong).kind, ErrorKind::input) << "a file where a folder should be";
}

}  // namespace
}  // namespace tern::runtime
