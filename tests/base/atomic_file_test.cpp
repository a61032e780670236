#include "base/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_file.h"

namespace tern {
namespace {

using ::testing::HasSubstr;

TEST(AtomicFile, IsInvisibleUntilItIsCommitted) {
  const TemporaryFolder folder;
  auto file = AtomicFile::create(folder / "a");
  ASSERT_TRUE(file) << file.error().text();
  ASSERT_TRUE(file->write(to_bytes("one ")));
  ASSERT_TRUE(file->write(to_bytes("two")));
  EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(read_text(folder / "a"), "one two");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, WithoutACommitNothingChanges) {
  const TemporaryFolder folder;
  std::ofstream(folder / "a") << "old";
  try {
    auto file = AtomicFile::create(folder / "a");
    ASSERT_TRUE(file && file->write(to_bytes("new")));
    throw std::runtime_error("interrupted");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(read_text(folder / "a"), "old");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, ReplacesTheFileBehindALink) {
  const TemporaryFolder folder;
  std::ofstream(folder / "a") << "old";
  std::filesystem::create_symlink("a", folder / "link");
  auto file = AtomicFile::create(folder / "link");
  ASSERT_TRUE(file && file->write(to_bytes("new")) && file->commit());
  EXPECT_EQ(read_text(folder / "a"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
}

TEST(AtomicFile, RefusesWhatIsNotAFile) {
  const TemporaryFolder folder;
  EXPECT_THAT(AtomicFile::create("/dev/null").error().text(), HasSubstr("is not a regular file"));
  EXPECT_THAT(AtomicFile::create(folder.path().string()).error().text(), HasSubstr("is not a regular file"));
  EXPECT_THAT(AtomicFile::create(folder / "none/a").error().text(), HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace tern
