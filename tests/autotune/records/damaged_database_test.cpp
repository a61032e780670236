// Damaged databases: none crashes (the sanitizers see to that), and nothing of them is used. What is read of
// one is what was written; the rest is given back as it stands, or the file is refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "autotune/records/database.h"
#include "tests/support/random_database.h"

namespace tern::autotune {
namespace {

using testing::Random;

constexpr int mutations_of_a_kind = 150;

const Database& original() {
  static const Database database = testing::DatabaseMaker(21).make(8, 3);
  return database;
}

// The documents alone: what stands before them is a comment, which anybody may change.
const std::string& text() {
  static const std::string printed = print(original()).substr(print(original()).find("---"));
  return printed;
}

template <class T>
bool all_known(const std::vector<T>& found, const std::vector<T>& known) {
  return std::ranges::all_of(found,
                             [&](const T& item) { return std::ranges::find(known, item) != known.end(); });
}

size_t documents(const Database& database) {
  return 1 + database.records.size() + database.choices.size() + database.threads.size();
}

// Of a damaged text no more than `touched` documents are lost, unless it is refused.
void check(const std::string& damaged, size_t touched, int& refused) {
  const Expected<ParsedDatabase> parsed = parse_database(damaged, "damaged.yaml");
  const Expected<ParsedDatabase> choices = parse_choices(damaged, "damaged.yaml");
  ASSERT_EQ(static_cast<bool>(parsed), static_cast<bool>(choices));
  if (!parsed) {
    ++refused;
    EXPECT_FALSE(parsed.error().message.empty());
    return;
  }
  EXPECT_EQ(parsed->database.provenance, original().provenance);
  EXPECT_TRUE(all_known(parsed->database.records, original().records));
  EXPECT_TRUE(all_known(parsed->database.choices, original().choices));
  EXPECT_TRUE(all_known(parsed->database.threads, original().threads));
  EXPECT_EQ(choices->database.choices, parsed->database.choices);
  EXPECT_EQ(choices->database.threads, parsed->database.threads);
  EXPECT_LE(documents(original()) - documents(parsed->database), touched);
  EXPECT_FALSE(parsed->quarantined.empty()) << "was not noticed";
  for (const Quarantined& piece : parsed->quarantined) {
    EXPECT_NE(damaged.find(piece.text), std::string::npos);
    EXPECT_GT(piece.reason.where.line, 0);
  }
}

// Damages the text in many ways of one kind. Some are refused, where the machine's document is hit, but not
// all.
void check_many(uint32_t seed, size_t touched,
                const std::function<std::string(std::string, Random&)>& mutate) {
  Random random(seed);
  int refused = 0;
  for (int i = 0; i < mutations_of_a_kind; ++i) {
    const std::string damaged = mutate(text(), random);
    if (damaged == text()) continue;
    SCOPED_TRACE(fmt::format("mutation {}", i));
    check(damaged, touched, refused);
  }
  EXPECT_LT(refused, mutations_of_a_kind / 2);
}

size_t any_place(const std::string& within, Random& random) {
  return static_cast<size_t>(random.pick(0, static_cast<int64_t>(within.size()) - 1));
}

std::vector<std::string> lines_of(const std::string& whole) {
  std::vector<std::string> lines;
  for (size_t start = 0; start < whole.size(); start += lines.back().size())
    lines.push_back(whole.substr(start, whole.find('\n', start) + 1 - start));
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, ""));
}

TEST(DamagedDatabase, TheOriginalIsBelieved) {
  const Expected<ParsedDatabase> parsed = parse_database(text(), "whole.yaml");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->database, original());
  EXPECT_TRUE(parsed->quarantined.empty());
}

TEST(DamagedDatabase, FlippedBits) {
  // The end of a line may be that of a document, and run two into one.
  check_many(1, 2, [](std::string damaged, Random& random) {
    damaged[any_place(damaged, random)] ^= static_cast<char>(1 << random.pick(0, 7));
    return damaged;
  });
}

TEST(DamagedDatabase, OtherDigits) {
  check_many(2, 1, [](std::string damaged, Random& random) {
    const size_t place = damaged.find_first_of("0123456789", any_place(damaged, random));
    if (place == std::string::npos) return damaged;
    damaged[place] = static_cast<char>('0' + (damaged[place] - '0' + random.pick(1, 9)) % 10);
    return damaged;
  });
}

TEST(DamagedDatabase, SwappedLines) {
  check_many(3, 2, [](const std::string& whole, Random& random) {
    std::vector<std::string> lines = lines_of(whole);
    const auto any_line = [&] {
      return static_cast<size_t>(random.pick(0, static_cast<int64_t>(lines.size()) - 1));
    };
    std::swap(lines[any_line()], lines[any_line()]);
    return joined(lines);
  });
}

TEST(DamagedDatabase, MissingAndRepeatedLines) {
  check_many(4, 1, [](const std::string& whole, Random& random) {
    std::vector<std::string> lines = lines_of(whole);
    const auto line = lines.begin() + random.pick(0, static_cast<int64_t>(lines.size()) - 1);
    if (random.coin())
      lines.erase(line);
    else
      lines.insert(line, *line);
    return joined(lines);
  });
}

TEST(DamagedDatabase, CutOff) {
  check_many(5, documents(original()), [](std::string damaged, Random& random) {
    const size_t place = any_place(damaged, random);
    // Between two documents a cut cannot be seen, and nothing that is left is wrong.
    return damaged.substr(0, place).ends_with("...\n") ? damaged : damaged.substr(0, place);
  });
}

TEST(DamagedDatabase, ForeignBytes) {
  check_many(6, 2, [](std::string damaged, Random& random) {
    std::string noise(static_cast<size_t>(random.pick(1, 40)), '\0');
    for (char& c : noise) c = static_cast<char>(random.pick(0, 255));
    return damaged.insert(any_place(damaged, random), noise);
  });
}

}  // namespace
}  // namespace tern::autotune
