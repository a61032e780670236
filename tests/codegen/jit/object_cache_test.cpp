#include "codegen/jit/object_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

namespace tern::codegen {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ObjectCacheTest : public ::testing::Test {
 protected:
  ObjectCacheTest()
      : root_(fs::path(::testing::TempDir()) / ("tern_cache_" + std::to_string(getpid()))),
        folder_(root_ / "cache") {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~ObjectCacheTest() override { fs::remove_all(root_); }

  ObjectCache open(int64_t max_size = ObjectCache::default_max_size) {
    Expected<ObjectCache> cache = ObjectCache::open(folder_, max_size);
    EXPECT_TRUE(cache) << cache.error().text();
    return cache.take();
  }

  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) found.push_back(entry.path());
    return found;
  }

  fs::path only_file() const {
    const std::vector<fs::path> found = files();
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? fs::path() : found[0];
  }

  void expect_refused(const std::string& reason) const {
    const Expected<ObjectCache> cache = ObjectCache::open(folder_);
    ASSERT_FALSE(cache);
    EXPECT_THAT(cache.error().text(),
                ::testing::StartsWith("cache folder " + folder_.string() + ": " + reason));
  }

  const fs::path root_, folder_;
};

mode_t mode_of(const fs::path& file) {
  struct stat state = {};
  EXPECT_EQ(stat(file.c_str(), &state), 0);
  return state.st_mode & 0777;
}

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void write(const fs::path& file, const std::string& content) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
}

// Makes it look as if the file was used some hours ago.
void age(const fs::path& file, int hours) {
  fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(hours));
}

TEST_F(ObjectCacheTest, GivesBackWhatWasStored) {
  const ObjectCache cache = open();
  const std::string object(
      "\x7f"
      "ELF\0binary\n\xff",
      14);
  EXPECT_EQ(cache.load("key"), std::nullopt);
  cache.store("key", object);
  cache.store("empty", "");
  EXPECT_EQ(cache.load("key"), object);
  EXPECT_EQ(cache.load("empty"), "");
  EXPECT_EQ(cache.load("other"), std::nullopt);
  cache.store("key", "newer");
  EXPECT_EQ(open().load("key"), "newer") << "and so does another opening of the same folder";
}

TEST_F(ObjectCacheTest, OnlyItsOwnerCanReadOrWrite) {
  open().store("key", "object");
  EXPECT_EQ(mode_of(folder_), 0700u);
  EXPECT_EQ(mode_of(only_file()), 0600u);
}

TEST_F(ObjectCacheTest, MakesFoldersOnTheWay) {
  const Expected<ObjectCache> cache = ObjectCache::open(root_ / "a" / "b" / "c");
  ASSERT_TRUE(cache) << cache.error().text();
  EXPECT_EQ(mode_of(root_ / "a" / "b" / "c"), 0700u);
}

TEST_F(ObjectCacheTest, DamagedObjectsAreNotLoadedAndGo) {
  const ObjectCache cache = open();
  cache.store("key", "a compiled object");
  const std::string whole = content_of(only_file());
  for (size_t place = 0; place < whole.size(); ++place) {
    std::string damaged = whole;
    damaged[place] ^= 0x10;
    write(only_file(), damaged);
    ASSERT_EQ(cache.load("key"), std::nullopt) << place;
    ASSERT_TRUE(files().empty()) << place;
    cache.store("key", "a compiled object");
  }
  for (size_t length = 0; length < whole.size(); ++length) {
    write(only_file(), whole.substr(0, length));
    ASSERT_EQ(cache.load("key"), std::nullopt) << length;
    cache.store("key", "a compiled object");
  }
  write(only_file(), whole + "x");
  EXPECT_EQ(cache.load("key"), std::nullopt);
}

TEST_F(ObjectCacheTest, AnObjectDoesNotStandForAnotherKey) {
  const ObjectCache cache = open();
  cache.store("mine", "my object");
  const fs::path mine = only_file();
  cache.store("yours", "your object");
  for (const fs::path& file : files()) {
    if (file != mine) fs::copy_file(mine, file, fs::copy_options::overwrite_existing);
  }
  EXPECT_EQ(cache.load("yours"), std::nullopt);
  EXPECT_EQ(cache.load("mine"), "my object");
}

TEST_F(ObjectCacheTest, AFolderInAnObjectsPlaceIsLivedWith) {
  const ObjectCache cache = open();
  cache.store("key", "object");
  const fs::path file = only_file();
  fs::remove(file);
  fs::create_directories(file / "inside");
  EXPECT_EQ(cache.load("key"), std::nullopt);
  cache.store("key", "object");
  EXPECT_EQ(files(), std::vector<fs::path>{file}) << "nothing half-written is left";
}

TEST_F(ObjectCacheTest, FoldersThatOthersCanWriteAreRefused) {
  for (const mode_t mode : {0720, 0702, 0777}) {
    fs::create_directory(folder_);
    ASSERT_EQ(chmod(folder_.c_str(), mode), 0);
    expect_refused("can be written by other users: run chmod 700 on it");
    fs::remove(folder_);
  }
  fs::create_directory(folder_);
  ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
  EXPECT_TRUE(ObjectCache::open(folder_)) << "reading does no harm";
}

TEST_F(ObjectCacheTest, WhatIsNoFolderIsRefused) {
  write(folder_, "a file");
  expect_refused("is not a folder");
  EXPECT_FALSE(ObjectCache::open(folder_ / "below"));
  EXPECT_FALSE(ObjectCache::open(""));
}

TEST_F(ObjectCacheTest, AFolderOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  fs::create_directory(folder_);
  ASSERT_EQ(chmod(folder_.c_str(), 0700), 0);
  ASSERT_EQ(chown(folder_.c_str(), 12345, 12345), 0);
  expect_refused("belongs to another user");
}

TEST_F(ObjectCacheTest, AnUnreadableFolderIsRefused) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  fs::create_directory(folder_);
  ASSERT_EQ(chmod(folder_.c_str(), 0300), 0);
  expect_refused("Permission denied");
  ASSERT_EQ(chmod(folder_.c_str(), 0500), 0);
  expect_refused("Permission denied");
}

TEST_F(ObjectCacheTest, TheLeastRecentlyUsedGoFirst) {
  const std::string object(1000, 'x');
  ObjectCache cache = open(3500);
  for (const std::string key : {"a", "b", "c"}) {
    const std::vector<fs::path> before = files();
    cache.store(key, object);
    for (const fs::path& file : files()) {
      if (std::find(before.begin(), before.end(), file) == before.end())
        age(file, key == "a" ? 30 : key == "b" ? 20 : 10);
    }
  }
  EXPECT_EQ(files().size(), 3u);
  EXPECT_TRUE(cache.load("a"));  // now the most recently used
  cache.store("d", object);
  EXPECT_FALSE(cache.load("b"));
  EXPECT_TRUE(cache.load("a"));
  EXPECT_TRUE(cache.load("c"));
  EXPECT_TRUE(cache.load("d"));
}

TEST_F(ObjectCacheTest, StaysWithinItsSize) {
  const ObjectCache cache = open(5000);
  for (int i = 0; i < 50; ++i) {
    cache.store(std::to_string(i), std::string(900, 'x'));
    uintmax_t total = 0;
    for (const fs::path& file : files()) total += fs::file_size(file);
    ASSERT_LE(total, 5000u);
  }
  cache.store("huge", std::string(6000, 'x'));
  EXPECT_EQ(cache.load("huge"), std::nullopt);
  EXPECT_TRUE(files().empty());
}

TEST_F(ObjectCacheTest, FilesOfWritersThatDiedGoAndOthersStay) {
  const ObjectCache cache = open();
  for (const std::string name : {"writing-old", "writing-new", "notes.txt"}) write(folder_ / name, "x");
  age(folder_ / "writing-old", 2);
  age(folder_ / "notes.txt", 2);
  cache.store("key", "object");
  EXPECT_FALSE(fs::exists(folder_ / "writing-old"));
  EXPECT_TRUE(fs::exists(folder_ / "writing-new")) << "its writer may still be at it";
  EXPECT_TRUE(fs::exists(folder_ / "notes.txt")) << "not ours";
}

TEST_F(ObjectCacheTest, AFolderThatVanishesOnlyMeansCompilingAgain) {
  const ObjectCache cache = open();
  cache.store("key", "object");
  fs::remove_all(folder_);
  EXPECT_EQ(cache.load("key"), std::nullopt);
  cache.store("key", "object");
  EXPECT_EQ(cache.load("key"), std::nullopt);
}

// Stores and loads objects that say what they are; false if one is not what it says.
bool write_and_read(const ObjectCache& cache, int seed) {
  for (int i = 0; i < 100; ++i) {
    const std::string key = "key " + std::to_string((i * 7 + seed) % 10);
    cache.store(key, key + std::string(500 + i, '.'));
    const std::optional<std::string> loaded = cache.load("key " + std::to_string((i + seed) % 10));
    if (loaded && loaded->compare(0, 5, "key " + std::to_string((i + seed) % 10), 0, 5) != 0) return false;
  }
  return true;
}

TEST_F(ObjectCacheTest, ThreadsAndProcessesShareAFolder) {
  const ObjectCache cache = open(4000);  // small, so that they evict each other's objects too
  std::vector<pid_t> children;
  for (int seed = 0; seed < 2; ++seed) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(write_and_read(cache, seed) ? 0 : 1);
    children.push_back(child);
  }
  std::vector<int> right(3);
  std::vector<std::thread> threads;
  for (int seed = 0; seed < 3; ++seed)
    threads.emplace_back([&, seed] { right[seed] = write_and_read(cache, seed + 5); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, std::vector<int>(3, 1));
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  for (const fs::path& file : files()) EXPECT_EQ(file.extension(), ".object") << file;
}

TEST(ObjectCacheFolder, ComesFromTheEnvironment) {
  const auto restore = [](const char* name) {
    const char* value = std::getenv(name);
    return [name, old = value ? std::optional<std::string>(value) : std::nullopt] {
      if (old)
        setenv(name, old->c_str(), 1);
      else
        unsetenv(name);
    };
  };
  const auto restore_own = restore("TERN_CACHE"), restore_xdg = restore("XDG_CACHE_HOME"),
             restore_home = restore("HOME");
  setenv("HOME", "/home/x", 1);
  unsetenv("XDG_CACHE_HOME");
  unsetenv("TERN_CACHE");
  EXPECT_EQ(ObjectCache::default_folder(), "/home/x/.cache/tern");
  setenv("XDG_CACHE_HOME", "/caches", 1);
  EXPECT_EQ(ObjectCache::default_folder(), "/caches/tern");
  setenv("TERN_CACHE", "/own", 1);
  EXPECT_EQ(ObjectCache::default_folder(), "/own");
  unsetenv("TERN_CACHE");
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  EXPECT_EQ(ObjectCache::default_folder().filename(), "tern-" + std::to_string(getuid()));
  restore_own();
  restore_xdg();
  restore_home();
}

}  // namespace
}  // namespace tern::codegen
