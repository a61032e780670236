#include "autotune/records/database.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "autotune/records/database_text.h"
#include "base/decimal.h"
#include "tests/support/random_database.h"
#include "tests/support/text_edit.h"

namespace tern::autotune {
namespace {

using testing::DatabaseMaker;
using ::testing::HasSubstr;
using testing::replaced;

ParsedDatabase parsed(const std::string& text) {
  const Expected<ParsedDatabase> result = parse_database(text, "a.yaml");
  EXPECT_TRUE(result) << result.error().text();
  return result ? *result : ParsedDatabase();
}

// A small kernel without anything random.
ir::Kernel some_kernel(int64_t m) {
  const Expected<ir::ParsedKernel> kernel = ir::parse_kernel(R"(kernel @k {
  problem matmul m=1 n=32 k=64 {
    A: f32[m,k] quantize i8 absmax per m
    W: trit[n,k] scale f32 per tensor
    C: f32[m,n] accumulate i32
  }
  layout { W: b2 [n/16, k/16, n%16, k%4, k%16/4] align 64 }
  schedule {
    parallel n by 16
    for k by 16
    vector n by 16
  }
  compute dot W*A { zero point 1, correct -sum_k A }
  epilogue C = f32(acc) / sa[m] * sw
})");
  EXPECT_TRUE(kernel) << kernel.error().text();
  return kernels::resized(kernel->kernel, m);
}

Record some_record(int64_t m, double seconds, const std::string& date) {
  return {{"host", 2}, some_kernel(m), "b2 dot", 0, {{seconds, 0.01, 0.9, 0.002, 12, date, 0.1, 0}}, ""};
}

Choice some_choice(const std::string& date, double seconds) {
  return {{"host", 2}, {some_kernel(1), some_kernel(8)}, {seconds, 8 * seconds}, {0.9, 0.8}, false, true,
          date};
}

Database database_of(std::vector<Record> records, std::vector<Choice> choices = {}) {
  return {DatabaseMaker::provenance(), std::move(records), std::move(choices), {}};
}

TEST(Decimal, MovesThePointAndLosesNothing) {
  EXPECT_EQ(print_decimal(1.25e-5, 6), "12.5");
  EXPECT_EQ(print_decimal(0), "0");
  EXPECT_EQ(print_decimal(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(print_decimal(1e-9, 6), "0.001");
  EXPECT_EQ(print_decimal(3, 6), "3000000");
  EXPECT_EQ(print_decimal(-2.5e-12, 6), "-2.5e-6");
  EXPECT_EQ(print_decimal(2.5e-12), "2.5e-12");
  DatabaseMaker maker(1);
  for (int i = 0; i < 2000; ++i) {
    const double value = maker.number();
    EXPECT_EQ(parse_decimal(print_decimal(value, 6), 6), value) << print_decimal(value, 6);
  }
  EXPECT_EQ(print_decimal(std::numeric_limits<double>::infinity(), 6), "inf");
  for (const char* wrong : {"", "nan", "inf", "1,5", "1.5 ", "0x1", "1e", "1e5000", "--1", "e5"})
    EXPECT_FALSE(parse_decimal(wrong)) << wrong;
}

TEST(Database, ParsesWhatItPrints) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    const Database database = DatabaseMaker(seed).make(12, 4);
    const ParsedDatabase again = parsed(print(database));
    EXPECT_TRUE(again.quarantined.empty()) << again.quarantined[0].reason.text() << again.quarantined[0].text;
    EXPECT_EQ(again.database, database) << print(database);
  }
}

TEST(Database, IsReadable) {
  const std::string text = print(database_of({some_record(1, 12.5e-6, "2026-11-21T10:15:00Z")}));
  EXPECT_THAT(text, HasSubstr(R"(
target: host
threads: 2
recipe: b2 dot
timings:
  - {date: 2026-11-21T10:15:00Z, microseconds: 12.5, spread: 0.01, rounds: 12, ratio: 0.9, error: 0.002, load: 0.1}
kernel: |
  kernel @k {
    problem matmul m=1 n=32 k=64 {
)"));
  EXPECT_THAT(text, HasSubstr("cpu: x86_64/Some Vendor/6/143/8\nfeatures: [avx2, fma]\nvector bits: 256\n"));
}

TEST(Database, KeepsTimesFromCacheAlone) {
  Record record = some_record(1, 0, "2026-11-21T10:15:00Z");
  record.timings[0].spread = record.timings[0].rounds = 0;
  record.timings[0].cache_seconds = 7.25e-6;
  const std::string text = print(database_of({record}));
  EXPECT_THAT(text, HasSubstr("{date: 2026-11-21T10:15:00Z, from cache: 7.25, ratio: 0.9, "));
  EXPECT_EQ(parsed(text).database.records, std::vector{record});
}

TEST(Database, KeepsWhatThreadsWereChosenFor) {
  Database database = database_of({});
  database.threads = {{"L2", 1, 2, {0, 3}, "2026-11-20T10:00:00Z"},
                      {"L4", 2, 2, {}, "2026-11-20T10:00:00Z", Objective::energy, 0.8125, 0.0425}};
  const std::string text = print(database);
  EXPECT_THAT(text, HasSubstr("date: 2026-11-20T10:00:00Z\nobjective: energy\ndecode joules: 0.8125\n"
                              "prefill joules: 0.0425\n"));
  EXPECT_THAT(text, HasSubstr("processors: [0, 3]\ndate: 2026-11-20T10:00:00Z\n...\n"))
      << "as it was before there were objectives";
  EXPECT_EQ(parsed(text).database.threads, database.threads);
  // For something else than there is, with a right checksum.
  const Document strange{"threads", "",
                         "model: L2\ndecode threads: 1\nprefill threads: 1\nprocessors: []\n"
                         "date: d\nobjective: fame\n",
                         1};
  const Expected<ThreadChoice> refused = read_thread_choice(strange, "file");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("'objective' is neither time nor energy"));
}

TEST(Database, FilesCanBeJoinedByAppending) {
  const Record one = some_record(1, 1e-5, "2026-11-20T10:00:00Z"),
               two = some_record(4, 3e-5, "2026-11-21T10:00:00Z");
  const std::string first = print(database_of({one}, {some_choice("2026-11-20T10:00:00Z", 1e-5)}));
  const std::string second = print(database_of({one, two}, {some_choice("2026-11-21T10:00:00Z", 2e-5)}));
  const ParsedDatabase joined = parsed(first + second);
  EXPECT_TRUE(joined.quarantined.empty());
  EXPECT_EQ(joined.database, database_of({one, two}, {some_choice("2026-11-21T10:00:00Z", 2e-5)}));
  // Without its description of the machine, a part does as well.
  const std::string rest = second.substr(second.find("--- # choice"));
  EXPECT_EQ(parsed(first + rest).database, joined.database);
  EXPECT_EQ(parsed(rest + "# a remark\n\n" + first).database.records.size(), 2u);
}

TEST(Database, AnotherMachinesDocumentsAreSetAside) {
  Database other = database_of({some_record(4, 3e-5, "2026-11-21T10:00:00Z")});
  other.provenance.cores = 5;
  const Database own = database_of({some_record(1, 1e-5, "2026-11-20T10:00:00Z")});
  const ParsedDatabase joined = parsed(print(own) + print(other));
  EXPECT_EQ(joined.database, own);
  ASSERT_EQ(joined.quarantined.size(), 2u);
  EXPECT_THAT(joined.quarantined[1].reason.text(), HasSubstr("the document is of machine "));
  // Nor do they count as our own where the other's description is damaged.
  const std::string damaged = replaced(print(other), "cores: 5", "cores: 6");
  EXPECT_EQ(parsed(print(own) + damaged).database, own);
}

TEST(Database, WhatIsDamagedComesBackAsItStoodAndTakesNothingElse) {
  const Record one = some_record(1, 1e-5, "2026-11-20T10:00:00Z"),
               two = some_record(4, 3e-5, "2026-11-21T10:00:00Z");
  const Database whole = database_of({one, two}, {some_choice("2026-11-21T10:00:00Z", 2e-5)});
  const std::string text = print(whole);
  const size_t second = text.rfind("--- # kernel");
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"microseconds: 30,", "microseconds: 31,"},
                                                        {"kernel @dot_m4_n32_k64", "kernel @dot_m4_n32_k65"},
                                                        {"...\n", "..\n"},
                                                        {"--- # kernel", "-- # kernel"},
                                                        {"--- # kernel", "#-- # kernel"},
                                                        {"--- # kernel", "--- # threads"},
                                                        {"checksum ", "checksum  "},
                                                        {"target: host", "target: host "}}) {
    const std::string damaged = replaced(text.substr(second), from, to);
    const ParsedDatabase rest = parsed(text.substr(0, second) + damaged);
    EXPECT_EQ(rest.database, database_of({one}, whole.choices)) << to;
    ASSERT_EQ(rest.quarantined.size(), 1u) << to;
    EXPECT_EQ(rest.quarantined[0].text, damaged);
    EXPECT_EQ(rest.quarantined[0].reason.where.line,
              1 + std::count(text.begin(), text.begin() + second, '\n'));
    // In front of another document, too.
    EXPECT_EQ(parsed(text.substr(0, second) + damaged + text.substr(second)).database, whole) << to;
  }
}

TEST(Database, MeaninglessDocumentsAreSetAsideDespiteTheirChecksums) {
  Choice descending = some_choice("2026-11-21T10:00:00Z", 2e-5);
  std::swap(descending.kernels[0], descending.kernels[1]);
  Choice unlike = some_choice("2026-11-21T10:00:00Z", 2e-5);
  unlike.kernels[1].weights.alignment = 128;
  Choice none = some_choice("2026-11-21T10:00:00Z", 2e-5);
  none.kernels.clear();
  Record wrong = some_record(1, 1e-5, "2026-11-20T10:00:00Z");
  wrong.kernel.schedule.loops.pop_back();
  Record negative = some_record(1, -1e-5, "2026-11-20T10:00:00Z");
  const auto reason = [](const Database& database) {
    const ParsedDatabase result = parsed(print(database));
    EXPECT_TRUE(result.database.records.empty() && result.database.choices.empty());
    return result.quarantined.empty() ? "accepted" : result.quarantined[0].reason.message;
  };
  EXPECT_EQ(reason(database_of({}, {descending})), "the kernels of a choice come by ascending m");
  EXPECT_EQ(reason(database_of({}, {unlike})), "kernels of one choice must share packed weights");
  EXPECT_EQ(reason(database_of({}, {none})), "'kernels' is not a list");
  EXPECT_THAT(reason(database_of({wrong})), HasSubstr("in the kernel that begins here, line "));
  EXPECT_EQ(reason(database_of({negative})), "'microseconds' is no number of 0 or more");
}

TEST(Database, WithoutAMachineItIsRefused) {
  for (const std::string text : {"", "# nothing\n", "kernels: []\n", "--- # machine\n...\n"}) {
    const Expected<ParsedDatabase> result = parse_database(text, "a.yaml");
    ASSERT_FALSE(result) << text;
    EXPECT_THAT(result.error().text(),
                HasSubstr("a.yaml: holds no undamaged document that says which machine"));
  }
}

TEST(Database, ChoicesDoNotWaitForRecords) {
  const Database database = DatabaseMaker(7).make(5, 3);
  const std::string text = print(database);
  const size_t records = text.find("--- # kernel");
  Database choices = database;
  choices.records.clear();
  // Records are not even looked at: these would be damaged, and are no YAML.
  std::string damaged = text;
  for (size_t i = records; i < damaged.size(); ++i) {
    const bool starts_line = damaged[i - 1] == '\n';
    if (!starts_line && damaged[i] == ':') damaged[i] = '{';
  }
  for (const std::string& variant : {text, damaged}) {
    const Expected<ParsedDatabase> result = parse_choices(variant, "a.yaml");
    ASSERT_TRUE(result) << result.error().text();
    EXPECT_EQ(result->database, choices);
    EXPECT_TRUE(result->quarantined.empty());
  }
  EXPECT_EQ(parsed(damaged).quarantined.size(), database.records.size());
  // A damaged choice is noticed here as well.
  const std::string date = database.choices[0].date;
  std::string wrong = text;
  wrong[text.find("--- # choice") + 60] ^= 1;
  EXPECT_EQ(parse_choices(wrong, "a.yaml")->quarantined.size(), 1u) << date;
}

TEST(Merge, KeepsAllTimingsOfAKernelByDate) {
  Record late = some_record(1, 2e-5, "2026-11-22T10:00:00Z"),
         early = some_record(1, 1e-5, "2026-11-20T10:00:00Z");
  early.kernel.name = "another_name";
  late.refused = "it crashed";
  Database into = database_of({late});
  const Database other = database_of({early, some_record(4, 1e-5, "2026-11-20T10:00:00Z")});
  merge(into, other);
  merge(into, other);
  ASSERT_EQ(into.records.size(), 2u);
  ASSERT_EQ(into.records[0].timings.size(), 2u);
  EXPECT_EQ(into.records[0].timings[0].seconds, 1e-5);
  EXPECT_EQ(into.records[0].timings[1].seconds, 2e-5);
  EXPECT_EQ(into.records[0].refused, "it crashed");
  Record elsewhere = early;
  elsewhere.conditions.threads = 1;
  merge(into, database_of({elsewhere}));
  EXPECT_EQ(into.records.size(), 3u);
}

TEST(Merge, TheLaterChoiceCountsAndMeasuredOnesBeforePredicted) {
  const Choice early = some_choice("2026-11-20T10:00:00Z", 1e-5),
               late = some_choice("2026-11-21T10:00:00Z", 2e-5);
  Choice predicted = some_choice("2026-11-22T10:00:00Z", 3e-5);
  predicted.predicted = true;
  const auto merged = [](const Choice& into, const Choice& other) {
    Database database = database_of({}, {into});
    merge(database, database_of({}, {other}));
    EXPECT_EQ(database.choices.size(), 1u);
    return database.choices[0];
  };
  EXPECT_EQ(merged(early, late), late);
  EXPECT_EQ(merged(late, early), late);
  EXPECT_EQ(merged(early, predicted), early);
  EXPECT_EQ(merged(predicted, early), early);
  Choice elsewhere = late;
  elsewhere.conditions.threads = 1;
  Database both = database_of({}, {early});
  merge(both, database_of({}, {elsewhere}));
  EXPECT_EQ(both.choices.size(), 2u);
}

TEST(Merge, TheLaterChoiceOfThreadsCounts) {
  Database into = database_of({});
  into.threads = {{"L2", 1, 2, {}, "2026-11-20T10:00:00Z"}};
  Database other = into;
  other.threads = {{"L2", 2, 2, {}, "2026-11-21T10:00:00Z"}, {"L4", 1, 1, {}, "2026-11-19T10:00:00Z"}};
  merge(into, other);
  EXPECT_EQ(into.threads, other.threads);
}

}  // namespace
}  // namespace tern::autotune
