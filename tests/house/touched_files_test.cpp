#include "touched_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <regex>

#include "source_text.h"

namespace tern::house {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(TouchedFiles, ListsOfAddingAreTrue) {
  const std::string page = read_text(fs::path(TERN_SOURCE_DIR) / "docs/adding.md");
  EXPECT_THAT(untrue_lists(page, TERN_SOURCE_DIR), IsEmpty());
}

TEST(TouchedFiles, EachSectionOfAddingIsCounted) {
  const std::string page = read_text(fs::path(TERN_SOURCE_DIR) / "docs/adding.md");
  static const std::regex section("\n## (An? [^\n]*)\n"), row(R"(\n\| \[)");
  const auto count = [&](const std::regex& pattern) {
    return std::distance(std::sregex_iterator(page.begin(), page.end(), pattern), std::sregex_iterator());
  };
  EXPECT_GE(count(section), 10);
  EXPECT_EQ(count(section), count(row));
}

// A tree with two fruits in a table of their own, one of which has a stone.
class Orchard {
 public:
  Orchard() : root_(fs::path(testing::TempDir()) / ("tern_orchard_" + std::to_string(getpid()))) {
    write("ir/fruit.h", "enum class Fruit { apple, plum };  // not Fruit::pear\n");
    write("ir/fruit.cpp", "case Fruit::apple: case Fruit::plum: break;\n");
    write("codegen/stone.cpp", "f(Fruit::plum);  // and never Fruit::apple\n");
    write("tests/ir/fruit_test.cpp", "f(Fruit::plum);\n");
  }
  ~Orchard() { fs::remove_all(root_); }
  std::vector<std::string> untrue(const std::string& list, const std::string& numbers = "2 | 1") const {
    return untrue_lists(
        "| to add | | | |\n|---|---|---|---|\n| [a fruit](#a-fruit) | `Fruit::apple`; `Fruit::plum` | " +
            numbers + " |\n\n## A fruit\n\n" + list + "\n## A tree\n\n1. `ir/tree.h`: no\n",
        root_);
  }

 private:
  void write(const fs::path& file, std::string_view text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  fs::path root_;
};

TEST(TouchedFiles, TrueListsHaveNoFault) {
  EXPECT_THAT(Orchard().untrue("1. `ir/fruit.h`: a name.\n2. `ir/fruit.cpp`: what it is,\n   see `ir/no.h`.\n"
                               "- `codegen/stone.cpp`: its stone.\n"),
              IsEmpty());
  EXPECT_THAT(Orchard().untrue(
                  "1. `ir/fruit.h`, and in\n   `ir/fruit.cpp`: a name.\n- `codegen/NAME.cpp`: its stone.\n"),
              IsEmpty());
}

TEST(TouchedFiles, AFileThatIsLeftOutIsFound) {
  EXPECT_THAT(Orchard().untrue("1. `ir/fruit.h`, `ir/fruit.cpp`: a name.\n", "2 | 0"),
              ElementsAre("A fruit: codegen/stone.cpp holds Fruit::plum and is not on the list"));
}

TEST(TouchedFiles, AFileThatIsNotTouchedIsFound) {
  EXPECT_THAT(Orchard().untrue("1. `ir/fruit.h`, `ir/fruit.cpp`, `codegen/stone.cpp`: a name.\n", "3 | 0"),
              ElementsAre("A fruit: codegen/stone.cpp does not hold Fruit::apple"));
  EXPECT_THAT(
      Orchard().untrue("1. `ir/fruit.h`, `ir/fruit.cpp`: a name.\n- `codegen/stone.cpp`, `ir/leaf.h`: no.\n",
                       "2 | 2"),
      ElementsAre("A fruit: ir/leaf.h holds none of the examples"));
}

TEST(TouchedFiles, AWrongNumberIsFound) {
  EXPECT_THAT(Orchard().untrue(
                  "1. `ir/fruit.h`, `ir/fruit.cpp`: a name.\n- `codegen/stone.cpp`: its stone.\n", "1 | 1"),
              ElementsAre(HasSubstr("the table says 1 and 1 files, the list 2 and 1")));
}

}  // namespace
}  // namespace tern::house
