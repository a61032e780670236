// How much memory a process can still have, as Linux says it in /proc and /sys.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace tern {

// Bytes beyond those that the process has; empty: nothing limits them, or the system does not say.
struct MemorySupply {
  // Of the machine: what the kernel can give without swapping (MemAvailable of /proc/meminfo, which counts
  // pages of files that can be dropped).
  std::optional<uint64_t> machine;
  // Of the control groups that the process is in: the smallest (limit - use) of the group and of the groups
  // around it, where pages of files do not count as use.
  std::optional<uint64_t> group;
  // The least of the machine's and the groups'; 2^64 - 1 if both are empty.
  uint64_t memory() const;
  // Whose is the least, for people: "on this machine", "in this control group".
  std::string where() const;
};

// Reads the texts of this process below `root`: /proc/meminfo, /proc/self/cgroup and the files of
// control groups, versions 1 and 2, below /sys/fs/cgroup. Texts that are missing or of another form
// limit nothing. Sources: the kernel's Documentation/filesystems/proc.rst, admin-guide/cgroup-v2.rst and
// admin-guide/cgroup-v1/memory.rst.
MemorySupply read_memory_supply(const std::filesystem::path& root = "/");

}  // namespace tern
