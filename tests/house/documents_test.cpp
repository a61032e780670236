// What the documents point at must exist.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace tern::house {
namespace {

namespace fs = std::filesystem;

const fs::path root = TERN_SOURCE_DIR;

std::vector<fs::path> documents() {
  std::vector<fs::path> found;
  for (const char* folder : {"", "docs", "models"}) {
    for (const fs::directory_entry& entry : fs::directory_iterator(root / folder)) {
      if (entry.path().extension() == ".md") found.push_back(entry.path());
    }
  }
  return found;
}

// The first groups of all matches.
std::vector<std::string> find_all(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
    found.push_back((*match)[1]);
  return found;
}

// Whether a path stands for several, such as targets/NAME.yaml.
bool is_pattern(const std::string& path) {
  return path.find("NAME") != std::string::npos || path.find("FLOOR") != std::string::npos;
}

// Whether a file, or a folder with a file in it, has this path. git keeps no folders: an empty one stands in
// the working tree where its files were moved away, and in no clone.
bool is_in_the_tree(const fs::path& path) {
  if (!fs::is_directory(path)) return fs::exists(path);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
    if (!entry.is_directory()) return true;
  }
  return false;
}

// Paths that a text names and that do not exist: targets of links (relative to the document), and files and
// folders in backticks (relative to the root).
std::vector<std::string> broken_paths(const std::string& text, const fs::path& folder) {
  static const std::regex link(R"(\]\(([^)#: ]+)[^):]*\))");
  static const std::regex path(
      "`((?:base|ir|targets|codegen|kernels|autotune|runtime|tools|tests|bench|docs|models|cmake)/"
      "[A-Za-z0-9_./-]*)`");
  std::vector<std::string> broken;
  for (const std::string& target : find_all(text, link)) {
    if (!is_in_the_tree(folder / target)) broken.push_back(target);
  }
  for (const std::string& named : find_all(text, path)) {
    if (!is_pattern(named) && !is_in_the_tree(root / named)) broken.push_back(named);
  }
  return broken;
}

TEST(Documents, PointAtWhatExists) {
  ASSERT_THAT(documents(), testing::SizeIs(testing::Ge(4u)));
  for (const fs::path& document : documents()) {
    std::ifstream file(document);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_THAT(broken_paths(text, document.parent_path()), testing::IsEmpty()) << document;
  }
}

TEST(Documents, BrokenPathsAreFound) {
  EXPECT_THAT(
      broken_paths("See [design](docs/design.md#floors), `ir/program/op.h`, https://example.org/x and `ir/`.",
                   root),
      testing::IsEmpty());
  EXPECT_THAT(broken_paths("See [this](docs/none.md) and `ir/none.h`.", root),
              testing::ElementsAre("docs/none.md", "ir/none.h"));
}

TEST(Documents, AnEmptyFolderIsNotInTheTree) {
  const fs::path folder = fs::path(testing::TempDir()) / "an_empty_folder";
  fs::create_directories(folder / "with_an_empty_one");
  EXPECT_FALSE(is_in_the_tree(folder));
  std::ofstream(folder / "with_an_empty_one" / "file.h");
  EXPECT_TRUE(is_in_the_tree(folder));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace tern::house
