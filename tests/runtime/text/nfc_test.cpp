#include "runtime/text/nfc.h"

#include <gtest/gtest.h>

#include "tests/runtime/text/small_vocabularies.h"

namespace tern::runtime {
namespace {

// Examples of Unicode Standard Annex 15.
TEST(Nfc, KnownTexts) {
  const struct {
    const char* text;
    const char* normal;
  } cases[] = {
      {"plain", "plain"},
      {"e\u0301", "\u00e9"},
      {"\u212b", "\u00c5"},
      {"\u1e0b\u0323", "\u1e0d\u0307"},
      {"q\u0307\u0323", "q\u0323\u0307"},
      {"\u1e9b\u0323", "\u1e9b\u0323"},
      {"\u1112\u1161\u11ab", "\ud55c"},
      {"\u0958", "\u0915\u093c"},  // excluded from composition
      {"\ufb01", "\ufb01"},        // only compatible
      {"a\xff\u0301", "a\xff\u0301"},
      {"=\u0338", "\u2260"},
  };
  for (const auto& [text, normal] : cases) EXPECT_EQ(to_nfc(text), normal) << text;
}

TEST(Nfc, NormalTextsStay) {
  std::mt19937 random(12);
  for (int i = 0; i < 500; ++i) {
    const std::string text = i % 2 == 0 ? random_text(random, 40) : random_bytes(random, 60);
    const std::string normal = to_nfc(text);
    EXPECT_EQ(to_nfc(normal), normal);
    if (!may_change_in_nfc(text)) {
      EXPECT_EQ(normal, text);
    }
  }
}

// Two marks by turns: an ordering that exchanges neighbours would take 10^11 steps.
TEST(Nfc, AMegabyteOfMarks) {
  std::string text = "a";
  for (int i = 0; i < 250000; ++i) text += "\u0301\u0323";
  const std::string normal = to_nfc(text);
  EXPECT_TRUE(normal.starts_with("\u1ea1\u0323\u0323"));
  EXPECT_TRUE(normal.ends_with("\u0301\u0301"));
}

}  // namespace
}  // namespace tern::runtime
