// Memory that may be larger than what the machine has: its pages lie in a file, so that the system can take
// them out of memory and read them again.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/expected.h"

namespace tern {

// Where blocks lie unless a user says otherwise: $TERN_CACHE, else $XDG_CACHE_HOME/tern, else ~/.cache/tern,
// else /var/tmp.
std::filesystem::path default_page_folder();

// A zeroed block that starts on a page, mapped from a file without a name: the file goes with the block, and
// with the process however that ends. Moves, does not copy.
class PagedMemory {
 public:
  // The file lies in `folder`, which is made if need be, and takes all of its space at once. Errors, of kind
  // machine, with the folder: it cannot be made or written to; its disk has not the space; it is itself kept
  // in memory (tmpfs).
  static Expected<PagedMemory> allocate(size_t bytes, const std::filesystem::path& folder);
  PagedMemory() = default;
  PagedMemory(PagedMemory&& other) noexcept;
  PagedMemory& operator=(PagedMemory&& other) noexcept;
  ~PagedMemory();

  std::byte* data() const { return start_; }
  size_t size() const { return size_; }

 private:
  std::byte* start_ = nullptr;
  size_t size_ = 0;
};

// Tells the system that bytes which are mapped from a file will soon be read: it begins to read the pages
// that are not in memory, and does not wait for them. Does nothing where `bytes` are empty.
void prefetch_mapped(std::span<const std::byte> bytes);

}  // namespace tern
