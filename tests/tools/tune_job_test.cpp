// Tuning on a device, there and back: `tern tune --export-job`, the runner under an emulator, and
// `--import-results`. What an emulator takes for a kernel means nothing, so no test looks at how long it was.
#include <gmock/gmock.h>

#include "command.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t place = text.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  return place == std::string::npos ? text : text.replace(place, from.size(), to);
}

class TuneJobTest : public CommandTest {
 protected:
  void SetUp() override {
    if (std::string(TERN_ARM_CXX).empty() || std::string(TERN_QEMU_ARM).empty())
      GTEST_SKIP() << "no cross compiler, or no qemu-aarch64";
  }

  static constexpr const char *one_shape = "--shape 40x96", *two_shapes = "--shape 40x96 --shape 96x160";

  // Shapes for 1 and 4 rows each, with three kernels.
  void export_job(const std::string& shapes = one_shape, const std::string& target = "cortex-a76") const {
    const Outcome outcome = run(fmt::format(
        "tune --export-job '{}' --target {} {} --use 1:10,4:1 --candidates 3", path("job"), target, shapes));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_THAT(outcome.output, HasSubstr("copy it to the device"));
  }

  // As on a device whose CPU is this one.
  Outcome measure(const std::string& cpu = "cortex-a76", const std::string& more = "") const {
    return run_program("/bin/sh",
                       fmt::format("-c \"cd '{}' && '{}' -cpu {} ./runner --budget 4 --memory 1 {}\"",
                                   path("job"), TERN_QEMU_ARM, cpu, more));
  }

  Outcome import() const { return run("tune --import-results '" + path("job") + "'"); }

  // All records of the databases whose names begin so.
  std::string records(const std::string& beginning) const {
    std::string text;
    for (const fs::directory_entry& entry : fs::directory_iterator(path("records"))) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(beginning) && name.ends_with(".yaml")) text += read("records/" + name);
    }
    return text;
  }

  void expect_refused(const std::string& message) const {
    const Outcome outcome = import();
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.errors, HasSubstr(message));
    EXPECT_FALSE(fs::exists(path("records"))) << "nothing of it is kept";
  }
};

TEST_F(TuneJobTest, ThereAndBack) {
  export_job(two_shapes);
  const Outcome measured = measure();
  ASSERT_EQ(measured.exit_code, 0) << measured.errors;
  EXPECT_THAT(measured.output, HasSubstr("4 of 4 done: results.yaml"));
  EXPECT_THAT(measured.output, Not(HasSubstr("refused")));

  const Outcome imported = import();
  ASSERT_EQ(imported.exit_code, 0) << imported.errors;
  EXPECT_THAT(imported.output, HasSubstr("| 96 x 160           |    1 |"));
  EXPECT_THAT(imported.output, HasSubstr("| 40 x 96            |    1 |"));
  EXPECT_THAT(imported.output, HasSubstr("12 kernels measured, 0 refused\n"));

  // Of the device itself, whose features are just those of the target, and of the target.
  const std::string device = records("aarch64-"), target = records("target-cortex-a76-");
  EXPECT_THAT(device, HasSubstr("features: [dotprod, fp16, neon]\nvector bits: 128\n"));
  for (const std::string& text : {device, target}) {
    EXPECT_EQ(count(text, "--- # kernel of "), 12);
    EXPECT_EQ(count(text, "\ntimings:\n"), 12);
    EXPECT_EQ(count(text, "--- # choice of "), 2);
    EXPECT_EQ(count(text, "predicted: false\ncomplete: true\n"), 2);
    EXPECT_EQ(count(text, "refused: "), 0);
  }
  EXPECT_EQ(count(device, "\ntarget: host\nthreads: 1\n"), 14);
  EXPECT_EQ(count(target, "\ntarget: cortex-a76\nthreads: 1\n"), 14);

  // A user who names the target gets what was measured.
  const Outcome again = import();
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_EQ(records("target-cortex-a76-"), target) << "the same results add nothing";
}

TEST_F(TuneJobTest, TheRunnerGoesOnWhereItEnded) {
  export_job();
  ASSERT_EQ(measure("cortex-a76", "--budget 0.000001").exit_code, 0);
  const Outcome early = import();
  EXPECT_THAT(early.output, HasSubstr("3 kernels measured, 0 refused; the runner has not come to its end"));
  const std::string first = read("job/results.yaml");
  const Outcome rest = measure();
  EXPECT_THAT(rest.output, HasSubstr("[2 of 2"));
  EXPECT_THAT(rest.output, Not(HasSubstr("[1 of 2")));
  // What was measured first is still there, to the letter.
  const size_t begin = first.find("--- # kernel of"), end = first.find("--- # end of");
  EXPECT_THAT(read("job/results.yaml"), HasSubstr(first.substr(begin, end - begin)));
  EXPECT_THAT(import().output, HasSubstr("6 kernels measured, 0 refused\n"));
  EXPECT_EQ(measure("cortex-a76", "--threads 2").exit_code, 2) << "other conditions";
  EXPECT_THAT(read("stderr"), HasSubstr("results.yaml is of another number of threads"));
}

TEST_F(TuneJobTest, ThreadsShareKernels) {
  export_job();
  const Outcome measured = measure("cortex-a76", "--threads 2");
  ASSERT_EQ(measured.exit_code, 0) << measured.errors;
  ASSERT_EQ(import().exit_code, 0);
  EXPECT_EQ(count(records("aarch64-"), "threads: 2\n"), 7);
}

TEST_F(TuneJobTest, WhatTheDeviceCannotExecuteIsRefused) {
  export_job();
  const Outcome measured = measure("cortex-a53");  // without dotprod
  ASSERT_EQ(measured.exit_code, 0) << measured.errors;
  EXPECT_THAT(measured.output, HasSubstr("this CPU does not claim dotprod"));
  EXPECT_THAT(measured.output, HasSubstr("2 of 2 done"));
  const Outcome imported = import();
  ASSERT_EQ(imported.exit_code, 0) << imported.errors;
  EXPECT_THAT(imported.output, HasSubstr(": crashed: Illegal instruction"));
  EXPECT_THAT(imported.output, HasSubstr("0 kernels measured, "));
  EXPECT_THAT(imported.output, HasSubstr("1 of 1 shapes have no measured default kernel"));
  const std::string device = records("aarch64-");
  EXPECT_GT(count(device, "\nrefused: \"crashed: Illegal instruction\"\n"), 0);
  EXPECT_EQ(count(device, "--- # choice of "), 0);
  EXPECT_THAT(imported.output, HasSubstr("the device is no cortex-a76: it lacks dotprod, fp16\n"));
  EXPECT_EQ(records("target-"), "") << "it says nothing of what a cortex-a76 can do";
}

TEST_F(TuneJobTest, ABrokenCandidateEndsNothing) {
  export_job();
  // Two of the kernels are not what they should be: one crashes, one does nothing.
  std::string text = read("job/candidates.h");
  std::vector<std::string> functions;
  for (size_t at = text.find("\nvoid "); at != std::string::npos; at = text.find("\nvoid ", at + 1))
    functions.push_back(text.substr(at + 6, text.find('(', at) - at - 6));
  ASSERT_EQ(functions.size(), 6u);
  write("job/broken.s", fmt::format(".text\n.globl {0}\n{0}:\n udf #0\n.globl {1}\n{1}:\n ret\n"
                                    ".section .note.GNU-stack,\"\",%progbits\n",
                                    functions[1], functions[2]));
  ASSERT_EQ(
      run_program("/bin/sh", fmt::format("-c \"cd '{}' && {} -std=c++17 -O2 -pthread -I. -static runner.cpp "
                                         "broken.s libcandidates.a -o runner\"",
                                         path("job"), TERN_ARM_CXX))
          .exit_code,
      0)
      << read("stderr");
  const Outcome measured = measure();
  ASSERT_EQ(measured.exit_code, 0) << measured.errors;
  const Outcome imported = import();
  ASSERT_EQ(imported.exit_code, 0) << imported.errors;
  EXPECT_THAT(imported.output, ContainsRegex("refused: .*: crashed: Illegal instruction\n"));
  EXPECT_THAT(imported.output, ContainsRegex("refused: .*: C\\[0,0\\] is -?nan and should be "));
  EXPECT_THAT(imported.output, HasSubstr("4 kernels measured, 2 refused\n"));
}

TEST_F(TuneJobTest, ResultsThatWereChangedAreRefused) {
  export_job();
  ASSERT_EQ(measure().exit_code, 0);
  const std::string good = read("job/results.yaml");
  const auto refused = [&](const std::string& text, const std::string& message) {
    write("job/results.yaml", text);
    expect_refused(message);
  };
  const size_t time = good.find("microseconds: ") + 14;
  std::string faster = good;
  faster[time] = faster[time] == '1' ? '2' : '1';
  refused(faster, "the document was changed after it was written");
  refused(replaced(good, "kernel of ", "kernel of 0"), "the document was changed after it was written");
  refused(good.substr(0, good.size() / 2), "the document has lost its end, '...'");
  refused(good.substr(0, good.find("--- # end of")), "has lost its end: it was not copied whole");
  const size_t kernel = good.find("--- # kernel of"), next = good.find("--- # kernel of", kernel + 1);
  refused(good.substr(0, kernel) + good.substr(next), "should hold 6 results and holds 5");
  refused(good.substr(0, next) + good.substr(kernel), " is here twice");
  refused("", "has lost its end");
  fs::remove(path("job/results.yaml"));
  expect_refused("results.yaml: cannot be read");
}

TEST_F(TuneJobTest, ResultsOfAnotherJobAreRefused) {
  export_job(one_shape, "neoverse-n1");
  ASSERT_EQ(measure("neoverse-n1").exit_code, 0);
  const std::string results = read("job/results.yaml");
  export_job();
  write("job/results.yaml", results);
  expect_refused("these are results of job ");
  const Outcome measured = measure();
  EXPECT_EQ(measured.exit_code, 2);
  EXPECT_THAT(measured.errors, HasSubstr("results.yaml is damaged, or of another job"));
}

TEST_F(TuneJobTest, JobsThatWereChangedAreRefused) {
  export_job();
  ASSERT_EQ(measure().exit_code, 0);
  const std::string good = read("job/job.yaml");
  const auto refused = [&](const std::string& text, const std::string& message) {
    write("job/job.yaml", text);
    expect_refused(message);
  };
  refused(replaced(good, "calls: 10", "calls: 11"), "the document was changed after it was written");
  refused(good.substr(0, good.rfind("--- # kernel of")), "ends before a document of kind 'kernel'");
  refused(good + good.substr(good.rfind("--- # kernel of")), "has more kernels than its plan names");
  refused("", "ends before a document of kind 'job'");
}

// Every matrix of a model, its dense head too, with more rows than a tile has.
TEST_F(TuneJobTest, EveryKindOfWeights) {
  const Outcome exported =
      run("tune --export-job '" + path("job") +
          "' --target neoverse-n1 -m '" TERN_SOURCE_DIR "/models/tern-small.gguf' --use 9:1 --candidates 2");
  ASSERT_EQ(exported.exit_code, 0) << exported.errors;
  const Outcome measured = measure("neoverse-n1");
  ASSERT_EQ(measured.exit_code, 0) << measured.errors;
  EXPECT_THAT(measured.output, Not(HasSubstr("refused")));
}

TEST_F(CommandTest, JobsNeedACpu) {
  const Outcome outcome = run("tune --export-job '" + path("job") + "' --target generic --shape 32x64");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.errors, HasSubstr("generic is no CPU in particular: name the one of the device"));
  EXPECT_NE(run("tune --candidates 5").exit_code, 0);
  EXPECT_THAT(run("tune --import-results '" + path("none") + "'").errors,
              HasSubstr("job.yaml: cannot be read"));
}

}  // namespace
}  // namespace tern::tools
