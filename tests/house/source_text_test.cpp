#include "source_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tern::house {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SourceText, WholeWordsAreTerms) {
  EXPECT_TRUE(holds_term("case Op::rope: return", "Op::rope"));
  EXPECT_FALSE(holds_term("case Op::rope_angles: return", "Op::rope"));
  EXPECT_FALSE(holds_term("case MyOp::rope: return", "Op::rope"));
  EXPECT_TRUE(holds_term("int rope(int x);", "int rope("));
  EXPECT_TRUE(holds_term("enum class Op : uint8_t { embed, rope };", "Op::rope"));
  EXPECT_FALSE(holds_term("enum class Op : uint8_t { embed, gate };", "Op::rope"));
  EXPECT_FALSE(holds_term("enum class Op; struct X { int rope; };", "Op::rope"));
}

TEST(SourceText, CommentsAreNotCode) {
  EXPECT_EQ(without_comments("int a;  // of Op::rope\n// Op::gate\nint b;\n"), "int a;\n\nint b;\n");
}

MATCHER_P3(IsCommented, name, comment, initial, "") {
  return arg.name == name && arg.comment == comment && arg.initial == initial;
}

TEST(SourceText, EnumeratorsHaveTheirComments) {
  EXPECT_THAT(
      enumerators("enum class Other { x };\nenum class Unit : uint8_t {\n  one,  // a row\n        // of it\n"
                  "  two, three,\n  // about the next\n  four = 4,  // rows\n};\n",
                  "Unit"),
      ElementsAre(IsCommented("one", "a row of it", ""), IsCommented("two", "", ""),
                  IsCommented("three", "", ""), IsCommented("four", "rows", "")));
  EXPECT_THAT(enumerators("enum class Units { x };", "Unit"), IsEmpty());
}

TEST(SourceText, FieldsHaveTheirComments) {
  EXPECT_THAT(
      fields(
          "struct Knobs {\n  // A part.\n\n  int a = 1;  // first\n  // What b\n  // is.\n  bool b = false;\n"
          "  int c = 0;\n  bool operator==(const Knobs&) const = default;\n};\n",
          "Knobs"),
      ElementsAre(IsCommented("a", "first", "1"), IsCommented("b", "What b is.", "false"),
                  IsCommented("c", "", "0")));
}

TEST(SourceText, FunctionsHaveTheCommentsBeforeThem) {
  EXPECT_EQ(comment_before("// No.\n\n// Does\n// it.\nvoid run(int x);\n", "void run("), "Does it.");
  EXPECT_EQ(comment_before("void run(int x);\n", "void run("), "");
}

}  // namespace
}  // namespace tern::house
