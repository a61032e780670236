#include "reference_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <regex>
#include <set>
#include <vector>

#include "ir/kernel/packing.h"
#include "ir/program/op.h"
#include "source_text.h"
#include "tests/support/golden.h"

namespace tern::house {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::filesystem::path root = TERN_SOURCE_DIR;

std::string table_of_the_code(std::string_view name) {
  return reference_table(name, root);
}

TEST(GoldenReference, IsWhatTheCodeSays) {
  const std::string page = read_text(root / "docs/ir.md");
  const std::string made = with_tables(page, table_of_the_code);
  tern::testing::expect_golden("../../docs/ir.md", made);
}

// Byte number `byte` of a group that holds +1 0 -1 +1 0 +1 -1 -1, again and again, as text.
std::string drawn_byte(ir::Packing packing, size_t byte) {
  static constexpr int weights[] = {1, 0, -1, 1, 0, 1, -1, -1};
  const auto& fields = ir::packings[static_cast<size_t>(packing)];
  std::vector<uint8_t> group(static_cast<size_t>(fields.bytes_per_group));
  for (int digit = 0; digit < fields.weights_per_group; ++digit) {
    const int weight = weights[digit % 8];
    ir::encode_trit(packing, group.data(), 1, digit, fields.holds.trits || weight != 0 ? weight : -1);
  }
  std::string bits;
  for (int bit = 7; bit >= 0; --bit) bits += group.at(byte) >> bit & 1 ? '1' : '0';
  return bits;
}

// Lines such as "b2      byte 0:  10 00 01 10       w3 w2 w1 w0"; the second byte of a packing has no name.
TEST(Reference, DrawnBytesAreThoseOfTheCode) {
  const std::string page = read_text(root / "docs/concepts.md");
  static const std::regex line(R"(\n([a-z0-9]*) +byte (\d):  ((?:[01] ?){8}))");
  std::set<std::string> drawn;
  std::string name;
  for (std::sregex_iterator match(page.begin(), page.end(), line), end; match != end; ++match) {
    if ((*match)[1].length() > 0) name = (*match)[1];
    drawn.insert(name);
    const std::optional<ir::Packing> packing = ir::packing_named(name);
    ASSERT_TRUE(packing) << name;
    std::string bits = (*match)[3];
    std::erase(bits, ' ');
    EXPECT_EQ(bits, drawn_byte(*packing, std::stoul((*match)[2]))) << match->str();
  }
  for (const auto& packing : ir::packings) {
    const bool is_drawn = drawn.contains(std::string(packing.name));
    EXPECT_EQ(is_drawn, packing.holds.trits || packing.holds.signs) << packing.name;
  }
}

TEST(Reference, EachTableOfThePageHasRows) {
  const std::string page = read_text(root / "docs/ir.md");
  static const std::regex marker("<!-- table: ([^>]*) -->");
  int tables = 0;
  for (std::sregex_iterator match(page.begin(), page.end(), marker), end; match != end; ++match, ++tables)
    EXPECT_THAT(reference_table((*match)[1].str(), root), HasSubstr("|---|")) << (*match)[1];
  EXPECT_GE(tables, 10);
  EXPECT_THAT(reference_table("no such table", root), IsEmpty());
}

// What operations are for is written by hand.
TEST(Reference, EachOperationIsForSomething) {
  const std::string page = read_text(root / "docs/ir.md");
  const size_t begin = page.find("### Operations\n"), end = page.find("For lanes i,", begin);
  ASSERT_NE(end, std::string::npos);
  static const std::regex quoted("`([^`]+)`");
  std::vector<std::string> named, all;
  const std::string part = page.substr(begin, end - begin);
  for (std::sregex_iterator match(part.begin(), part.end(), quoted), last; match != last; ++match)
    named.push_back((*match)[1]);
  for (const auto& operation : ir::ops) all.emplace_back(operation.name);
  EXPECT_THAT(named, ::testing::UnorderedElementsAreArray(all));
}

TEST(Reference, TablesTakeThePlaceOfWhatWasThere) {
  const std::string made = with_tables(
      "before\n<!-- table: one -->\nold\n<!-- end of table -->\nbetween\n<!-- table: two -->\n<!-- end of "
      "table -->\nafter\n",
      [](std::string_view name) { return std::string(name) + " is new\n"; });
  EXPECT_EQ(
      made,
      "before\n<!-- table: one -->\n\none is new\n\n<!-- end of table -->\nbetween\n<!-- table: two -->\n\n"
      "two is new\n\n<!-- end of table -->\nafter\n");
  EXPECT_EQ(with_tables(made, [](std::string_view name) { return std::string(name) + " is new\n"; }), made);
}

}  // namespace
}  // namespace tern::house
