#include "autotune/records/database_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <numeric>
#include <thread>

#include "tests/support/random_database.h"
#include "tests/support/temporary_file.h"
#include "tests/support/text_edit.h"

namespace tern::autotune {
namespace {

using testing::DatabaseMaker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::replaced;
using ::testing::SizeIs;

Provenance here() {
  return DatabaseMaker::provenance();
}

Database load(const std::string& file) {
  std::vector<std::string> warnings;
  const Expected<Database> database = load_database(file, here(), warnings);
  EXPECT_TRUE(database) << database.error().text();
  EXPECT_THAT(warnings, IsEmpty());
  return database ? *database : Database();
}

void write(const std::string& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

// Adds one timing, told by its number, to a record that all writers share.
Status add_timing(const std::string& file, int number) {
  static const Record shared = DatabaseMaker(1).record();
  return update_database(file, here(), [&](Database& database) {
    Record record = shared;
    record.timings = {{1e-6 * number, 0, 1, 0, number, fmt::format("2026-11-21T10:{:04}", number), 0, 0}};
    merge(database, {here(), {record}, {}, {}});
  });
}

std::vector<int> numbers_in(const std::string& file) {
  std::vector<int> numbers;
  const Database database = load(file);
  for (const Record& record : database.records) {
    for (const Timing& timing : record.timings) numbers.push_back(timing.rounds);
  }
  return numbers;
}

// Runs `work` in a process of its own, which never comes back from here.
pid_t start(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child != 0) return child;
  work();
  _exit(0);
}

int wait_for(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

// Variables of the environment, as they were when the test is over.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    const char* before = std::getenv(name);
    if (before) before_ = before;
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Variable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST(DatabaseFile, IsNamedByWhoWasMeasured) {
  const Variable home("HOME", "/home/a"), data("XDG_DATA_HOME", nullptr), own("TERN_DATABASE", nullptr);
  EXPECT_EQ(database_folder(), "/home/a/.local/share/tern/kernels");
  const std::string name = database_file(here()).filename();
  EXPECT_EQ(name, "x86_64-Some-Vendor-6-143-8-" + machine_digits(here()) + ".yaml");
  Provenance newer = here();
  newer.llvm = "19.1.8";
  EXPECT_NE(database_file(newer).filename(), name);
  {
    const Variable elsewhere("XDG_DATA_HOME", "/data");
    EXPECT_EQ(database_folder(), "/data/tern/kernels");
    const Variable folder("TERN_DATABASE", "/own");
    EXPECT_EQ(database_file(here()), "/own/" + name);
    const Variable file("TERN_DATABASE", "/own/all.yaml");
    EXPECT_EQ(database_file(here()), "/own/all.yaml");
    EXPECT_EQ(database_folder(), "/own");
  }
}

TEST(DatabaseFile, OfNoneNothingIsKnown) {
  const TemporaryFolder folder;
  EXPECT_EQ(load(folder / "none.yaml"), (Database{here(), {}, {}, {}}));
  std::vector<std::string> warnings;
  EXPECT_THAT(load_database(folder.path(), here(), warnings).error().text(), HasSubstr("is a folder"));
}

TEST(DatabaseFile, IsMadeWithItsFolderAndUpdated) {
  const TemporaryFolder folder;
  const std::string file = folder / "new/folder/a.yaml";
  const Database drawn = DatabaseMaker(3).make(6, 2);
  ASSERT_TRUE(update_database(file, here(), [&](Database& database) { merge(database, drawn); }));
  EXPECT_EQ(load(file), drawn);
  const auto written = std::filesystem::last_write_time(file);
  ASSERT_TRUE(update_database(file, here(), [](Database&) {}));
  EXPECT_EQ(std::filesystem::last_write_time(file), written);
  std::vector<std::string> warnings;
  const Expected<Database> choices = load_choices(file, here(), warnings);
  ASSERT_TRUE(choices);
  EXPECT_EQ(choices->choices, drawn.choices);
  EXPECT_THAT(choices->records, IsEmpty());
}

TEST(DatabaseFile, AnotherMachinesIsRefusedWithTheDifferences) {
  const TemporaryFolder folder;
  const std::string file = folder / "a.yaml";
  Database other = DatabaseMaker(3).make(1, 1);
  other.provenance.cpu = "x86_64/Another/6/1/1";
  other.provenance.features = {"avx2", "avx512f", "bmi2"};
  other.provenance.caches[1].size_bytes /= 2;
  other.provenance.cores = 8;
  other.provenance.llvm = "18.1.8";
  other.provenance.generator = 1;
  write(file, print(other));
  std::vector<std::string> warnings;
  EXPECT_EQ(load_database(file, here(), warnings).error().text(),
            file + ": " +
                "the records of another machine, or of another version of Tern, are not used:\n"
                "  CPU: the records have x86_64/Another/6/1/1, this machine has x86_64/Some Vendor/6/143/8\n"
                "  features: the records have avx512f, bmi2, this machine does not\n"
                "  features: this machine has fma, the records do not\n"
                "  caches: the records have level 1 of 48 KiB in lines of 64 bytes, shared by 1; level 3 of "
                "16896 KiB in "
                "lines of 64 bytes, shared by 4, this machine has level 1 of 48 KiB in lines of 64 bytes, "
                "shared by 1; "
                "level 3 of 33792 KiB in lines of 64 bytes, shared by 4\n"
                "  cores: the records have 8, this machine has 4\n"
                "  LLVM: the records were made with 18.1.8, this program has 19.1.7\n"
                "  kernels: the records are of generator 1, this program has 2\n"
                "'tern tune' makes records of this machine; 'tern tune --from " +
                file + "' begins with these");
  const std::string before = read_text(file);
  EXPECT_FALSE(update_database(file, here(), [](Database& database) { database.records.clear(); }));
  EXPECT_EQ(read_text(file), before);
}

TEST(DatabaseFile, WhatIsDamagedGoesToQuarantineAtTheNextUpdate) {
  const TemporaryFolder folder;
  const std::string file = folder / "a.yaml";
  for (int number : {1, 2}) ASSERT_TRUE(add_timing(file, number));
  const std::string damaged = replaced(read_text(file), "rounds: 2,", "rounds: 3,");
  write(file, damaged);
  std::vector<std::string> warnings;
  const Expected<Database> loaded = load_database(file, here(), warnings);
  ASSERT_TRUE(loaded);
  EXPECT_THAT(loaded->records, IsEmpty());
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("its checksum does not fit; see 'tern db verify'")));
  EXPECT_EQ(read_text(file), damaged);
  for (int number : {4, 5}) ASSERT_TRUE(add_timing(file, number));
  EXPECT_THAT(numbers_in(file), ElementsAre(4, 5));
  EXPECT_THAT(read_text(file + ".quarantine"), HasSubstr(damaged.substr(damaged.find("--- # kernel"))));
  // The same again is kept once.
  const std::string quarantine = read_text(file + ".quarantine");
  write(file, damaged);
  ASSERT_TRUE(add_timing(file, 6));
  EXPECT_EQ(read_text(file + ".quarantine"), quarantine);
}

TEST(DatabaseFile, TwoProcessesLoseNothing) {
  const TemporaryFolder folder;
  const std::string file = folder / "a.yaml";
  constexpr int rounds = 25;
  const auto work = [&](int first) {
    return start([&file, first] {
      for (int i = 0; i < rounds; ++i) {
        if (!add_timing(file, first + i)) _exit(1);
      }
    });
  };
  const pid_t one = work(1), two = work(1 + rounds);
  EXPECT_EQ(wait_for(one), 0);
  EXPECT_EQ(wait_for(two), 0);
  std::vector<int> expected(2 * rounds);
  std::iota(expected.begin(), expected.end(), 1);
  EXPECT_EQ(numbers_in(file), expected);
}

TEST(DatabaseFile, AKilledProcessLosesNothingThatItHadCommitted) {
  const TemporaryFolder folder;
  const std::string file = folder / "a.yaml";
  testing::Random random(11);
  // Moments are drawn over a few updates, however long one takes here.
  int first = 1, killed = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (; first <= 5; ++first) ASSERT_TRUE(add_timing(file, first));
  const std::chrono::nanoseconds five_updates = std::chrono::steady_clock::now() - begin;
  for (int trial = 0; trial < 20; ++trial) {
    int pipes[2];
    ASSERT_EQ(pipe(pipes), 0);
    const pid_t child = start([&] {
      for (int number = first;; ++number) {
        if (!add_timing(file, number)) _exit(1);
        if (::write(pipes[1], &number, sizeof number) != sizeof number) _exit(2);
      }
    });
    // It has written something: a busy machine may take its time to start it.
    int committed = 0;
    ASSERT_EQ(read(pipes[0], &committed, sizeof committed), static_cast<ssize_t>(sizeof committed));
    std::this_thread::sleep_for(std::chrono::nanoseconds(random.pick(0, five_updates.count())));
    kill(child, SIGKILL);
    const int status = wait_for(child);
    killed += WIFSIGNALED(status);
    close(pipes[1]);
    for (int number; read(pipes[0], &number, sizeof number) == sizeof number;) committed = number;
    close(pipes[0]);
    // What was being committed may be there as well.
    const std::vector<int> numbers = numbers_in(file);
    const int last = numbers.empty() ? 0 : numbers.back();
    ASSERT_TRUE(last == committed || last == committed + 1) << last << ", committed " << committed;
    std::vector<int> expected(static_cast<size_t>(last));
    std::iota(expected.begin(), expected.end(), 1);
    ASSERT_EQ(numbers, expected);
    first = last + 1;
  }
  EXPECT_EQ(killed, 20);
  EXPECT_FALSE(std::filesystem::exists(file + ".quarantine"));
}

}  // namespace
}  // namespace tern::autotune
