#include "base/memory.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace tern {
namespace {

constexpr size_t huge_page = size_t{1} << 21;

// A zeroed block that starts on a multiple of `alignment`, a power of two and at least the size of a page;
// MAP_FAILED if there is not enough memory.
void* map_aligned(size_t bytes, size_t alignment) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), slack = alignment - page;
  const size_t size = (bytes + page - 1) / page * page;
  if (size < bytes || size + slack < size) return MAP_FAILED;
  void* start = mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return start;
  std::byte* const mapped = static_cast<std::byte*>(start);
  const size_t before = (alignment - reinterpret_cast<uintptr_t>(start) % alignment) % alignment;
  if (before > 0) munmap(mapped, before);
  if (slack > before) munmap(mapped + before + size, slack - before);
  return mapped + before;
}

}  // namespace

Expected<Memory> Memory::allocate(size_t bytes, MemoryOptions options) {
  Memory memory;
  memory.size_ = std::max<size_t>(bytes, 1);
  if (options.whole_huge_pages) memory.size_ = (memory.size_ + huge_page - 1) / huge_page * huge_page;
  // Small blocks would waste most of a huge page. A size that overflowed is smaller than what was asked for.
  const bool huge = memory.size_ >= huge_page;
  void* start =
      memory.size_ < bytes
          ? MAP_FAILED
          : map_aligned(memory.size_, huge ? huge_page : static_cast<size_t>(sysconf(_SC_PAGESIZE)));
  if (start == MAP_FAILED)
    return machine_error(
        fmt::format("not enough memory: {:.1f} MB more were needed", static_cast<double>(bytes) / 1e6));
  if (huge) madvise(start, memory.size_, MADV_HUGEPAGE);
  if (!options.for_children) madvise(start, memory.size_, MADV_DONTFORK);
  memory.start_ = static_cast<std::byte*>(start);
  return memory;
}

Memory::Memory(Memory&& other) noexcept
    : start_(std::exchange(other.start_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(start_, other.start_);
  std::swap(size_, other.size_);
  return *this;
}

Memory::~Memory() {
  if (start_) munmap(start_, size_);
}

void Memory::make_read_only() {
  if (start_) mprotect(start_, size_, PROT_READ);
}

void release_mapped(std::span<const std::byte> bytes) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace tern
