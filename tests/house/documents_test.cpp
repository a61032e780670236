// What the documents point at must exist.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
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
      "`((?:base|ir|targets|codegen|kernels|autotune|runtime|serve|tools|tests|bench|docs|models|cmake)/"
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

// What GitHub makes of a heading, for links to it: letters, digits, - and _ of it in lower case, a space as
// -.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : heading) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '_') anchor += static_cast<char>(std::tolower(byte));
    if (c == ' ') anchor += '-';
  }
  return anchor;
}

std::string read(const fs::path& document) {
  std::ifstream file(document);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Links of a document, FILE#HEADING or #HEADING, whose file has no such heading.
std::vector<std::string> broken_anchors(const std::string& text, const fs::path& document) {
  static const std::regex link(R"(\]\(([^)#: ]*#[^) ]+)\))"), heading("(?:^|\n)#+ ([^\n]+)");
  std::vector<std::string> broken;
  for (const std::string& target : find_all(text, link)) {
    const size_t hash = target.find('#');
    const std::string file = target.substr(0, hash), anchor = target.substr(hash + 1);
    const std::string page = file.empty() ? text : read(document.parent_path() / file);
    const std::vector<std::string> headings = find_all(page, heading);
    const auto is_it = [&](const std::string& one) { return anchor_of(one) == anchor; };
    if (std::ranges::none_of(headings, is_it)) broken.push_back(target);
  }
  return broken;
}

TEST(Documents, PointAtWhatExists) {
  ASSERT_THAT(documents(), testing::SizeIs(testing::Ge(4u)));
  for (const fs::path& document : documents()) {
    const std::string text = read(document);
    EXPECT_THAT(broken_paths(text, document.parent_path()), testing::IsEmpty()) << document;
    EXPECT_THAT(broken_anchors(text, document), testing::IsEmpty()) << document;
  }
}

TEST(Documents, BrokenAnchorsAreFound) {
  const std::string text =
      "# Look here: `--use`\n\n[a](#look-here---use) [b](#elsewhere) [c](docs/design.md#floors-and-rooms)\n";
  EXPECT_THAT(broken_anchors(text, root / "README.md"), testing::ElementsAre("#elsewhere"));
  EXPECT_THAT(broken_anchors("[c](docs/design.md#no-floors)", root / "README.md"),
              testing::ElementsAre("docs/design.md#no-floors"));
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
