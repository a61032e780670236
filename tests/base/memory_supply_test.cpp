#include "base/memory_supply.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "tests/support/temporary_file.h"

namespace tern {
namespace {

namespace fs = std::filesystem;

// A made-up / with these files.
class Root {
 public:
  void write(const std::string& name, const std::string& text) const {
    const fs::path file = folder_.path() / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  MemorySupply supply() const { return read_memory_supply(folder_.path()); }

 private:
  TemporaryFolder folder_;
};

TEST(MemorySupply, SaysNothingLimitsItWhereTheSystemIsSilent) {
  const MemorySupply supply = Root().supply();
  EXPECT_EQ(supply.memory(), std::numeric_limits<uint64_t>::max());
}

TEST(MemorySupply, OfTheMachine) {
  const Root root;
  root.write("proc/meminfo", "MemTotal:  2000 kB\nMemFree:  10 kB\nMemAvailable:    1500 kB\n");
  EXPECT_EQ(root.supply().memory(), 1500u * 1024);
  EXPECT_EQ(root.supply().where(), "on this machine");
}

// The group leaves 6000 - (4000 - 1000) = 3000, the one around it 2500 - 500 = 2000.
TEST(MemorySupply, OfControlGroupsOfVersion2) {
  const Root root;
  root.write("proc/meminfo", "MemAvailable: 100 kB\n");
  root.write("proc/self/cgroup", "0::/outer/inner\n");
  const std::string top = "sys/fs/cgroup/";
  root.write(top + "outer/memory.max", "2500\n");
  root.write(top + "outer/memory.current", "500\n");
  root.write(top + "outer/inner/memory.max", "6000\n");
  root.write(top + "outer/inner/memory.current", "4000\n");
  root.write(top + "outer/inner/memory.stat", "anon 3000\nactive_file 600\ninactive_file 400\n");
  EXPECT_EQ(root.supply().memory(), 2000u);
  EXPECT_EQ(root.supply().where(), "in this control group");
  root.write(top + "outer/memory.max", "max\n");
  EXPECT_EQ(root.supply().memory(), 3000u);
}

// In a container the path of the group is the host's, and only the top is there.
TEST(MemorySupply, OfControlGroupsOfVersion1) {
  const Root root;
  root.write("proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n");
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9000\n");
  root.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "5000\n");
  root.write("sys/fs/cgroup/memory/memory.stat", "total_active_file 100\ntotal_inactive_file 900\n");
  EXPECT_EQ(root.supply().memory(), 5000u);
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(root.supply().memory(), std::numeric_limits<uint64_t>::max());
}

TEST(MemorySupply, TextsOfAnotherFormLimitNothing) {
  const Root root;
  root.write("proc/meminfo", "MemAvailable: a lot\n");
  root.write("proc/self/cgroup", "nonsense\n0::\n::\n");
  root.write("sys/fs/cgroup/memory.max", "-1\n");
  EXPECT_EQ(root.supply().memory(), std::numeric_limits<uint64_t>::max());
}

TEST(MemorySupply, OfThisMachineIsSomething) {
  EXPECT_GT(read_memory_supply().memory(), 0u);
}

}  // namespace
}  // namespace tern
