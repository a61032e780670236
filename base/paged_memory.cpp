#include "base/paged_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include "base/system_error.h"

namespace tern {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// A file without a name in the folder; -1 with errno if there is none to be had.
int open_nameless(const fs::path& folder) {
  const int unnamed = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (unnamed >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return unnamed;
  // File systems without O_TMPFILE: a file with a name, which is taken from it at once.
  std::string name = (folder / ".tern-pages-XXXXXX").string();
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) unlink(name.c_str());
  return named;
}

bool is_kept_in_memory(int descriptor) {
  constexpr uint64_t tmpfs = 0x01021994, ramfs = 0x858458f6;  // statfs(2)
  struct statfs system {};
  if (fstatfs(descriptor, &system) != 0) return false;
  const auto type = static_cast<uint64_t>(system.f_type) & 0xffffffffu;
  return type == tmpfs || type == ramfs;
}

// Maps a file that it first gives its size.
Expected<std::byte*> map_new(int descriptor, size_t bytes, const Location& where) {
  if (is_kept_in_memory(descriptor))
    return machine_error("is kept in memory itself, so that pages in it would save none", where);
  // A file with holes would end the process by SIGBUS when the disk is full.
  if (const int problem = posix_fallocate(descriptor, 0, static_cast<off_t>(bytes)); problem != 0)
    return system_error(fmt::format("cannot make a file of {:.1f} MB", static_cast<double>(bytes) / 1e6),
                        problem, where);
  void* start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (start == MAP_FAILED)
    return system_error(fmt::format("cannot map a file of {:.1f} MB", static_cast<double>(bytes) / 1e6),
                        errno, where);
  return static_cast<std::byte*>(start);
}

}  // namespace

fs::path default_page_folder() {
  if (const std::string own = variable("TERN_CACHE"); !own.empty()) return own;
  if (const std::string xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) return fs::path(xdg) / "tern";
  if (const std::string home = variable("HOME"); !home.empty()) return fs::path(home) / ".cache" / "tern";
  return "/var/tmp";
}

Expected<PagedMemory> PagedMemory::allocate(size_t bytes, const fs::path& folder) {
  const Location where{"folder for pages " + folder.string()};
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) return machine_error("cannot be made: " + problem.message(), where);
  const int descriptor = open_nameless(folder);
  if (descriptor < 0) {
    Error error = system_error("cannot make a file", errno, where);
    error.kind = ErrorKind::machine;
    return error;
  }
  PagedMemory memory;
  memory.size_ = std::max<size_t>(bytes, 1);
  const Expected<std::byte*> start = map_new(descriptor, memory.size_, where);
  close(descriptor);
  if (!start) return start.error();
  memory.start_ = *start;
  madvise(memory.start_, memory.size_, MADV_DONTFORK);
  return memory;
}

PagedMemory::PagedMemory(PagedMemory&& other) noexcept
    : start_(std::exchange(other.start_, nullptr)), size_(std::exchange(other.size_, 0)) {}

PagedMemory& PagedMemory::operator=(PagedMemory&& other) noexcept {
  std::swap(start_, other.start_);
  std::swap(size_, other.size_);
  return *this;
}

PagedMemory::~PagedMemory() {
  if (start_) munmap(start_, size_);
}

void prefetch_mapped(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = reinterpret_cast<uintptr_t>(bytes.data()) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size());
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_WILLNEED);
}

}  // namespace tern
