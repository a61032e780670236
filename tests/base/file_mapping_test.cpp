#include "base/file_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <optional>

#include "tests/support/temporary_file.h"

namespace tern {
namespace {

using testing::HasSubstr;

TEST(FileMapping, SharesTheBytesOfAFile) {
  const TemporaryFolder folder;
  std::ofstream(folder / "a") << "ternary";
  std::optional<FileMapping> copy;
  {
    auto mapping = map_file(folder / "a");
    ASSERT_TRUE(mapping) << mapping.error().text();
    EXPECT_EQ(mapping->path(), folder / "a");
    copy = *mapping;
  }
  EXPECT_EQ(std::vector(copy->bytes().begin(), copy->bytes().end()), to_bytes("ternary"));
}

TEST(FileMapping, SharesBytesInMemory) {
  const FileMapping mapping("a name", to_bytes("abc"));
  const FileMapping copy = mapping;
  EXPECT_EQ(copy.bytes().data(), mapping.bytes().data());
  EXPECT_EQ(copy.path(), "a name");
}

TEST(FileMapping, SaysWhyAFileCannotBeMapped) {
  const TemporaryFolder folder;
  EXPECT_THAT(map_file(folder / "none").error().text(),
              HasSubstr("none: cannot open the file: No such file"));
  EXPECT_THAT(map_file(folder.path().string()).error().text(), HasSubstr("is a directory"));
  std::ofstream(folder / "empty").flush();
  EXPECT_THAT(map_file(folder / "empty").error().text(), HasSubstr("the file is empty"));
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(map_file(folder / "pipe").error().text(), HasSubstr("is not a regular file"));
}

}  // namespace
}  // namespace tern
