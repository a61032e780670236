// Large blocks of memory: for weights and activations, and for what the tuner measures and checks.
#pragma once

#include <cstddef>
#include <span>

#include "base/expected.h"

namespace tern {

struct MemoryOptions {
  // Forked children see a copy. Otherwise they lack the block, which makes forking quick beside a model that
  // runs.
  bool for_children = false;
  // Rounds the size up to whole huge pages, and asks for them for small blocks too. Small pages lie where the
  // system happens to have some, which shows in timings of code that reads them from the second-level cache.
  bool whole_huge_pages = false;
};

// A zeroed block that starts on a page. A block of 2 MiB or more starts on a huge page (2 MiB), and lies on
// huge pages as far as it has room for them and the system grants them: weights are read once a token, and
// small pages would cost an address look-up every 4 KiB. Moves, does not copy.
class Memory {
 public:
  // Errors: there is not enough memory, of kind machine.
  static Expected<Memory> allocate(size_t bytes, MemoryOptions options = {});
  Memory() = default;
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  ~Memory();

  // From now on a write to the block crashes the process.
  void make_read_only();

  std::byte* data() const { return start_; }
  size_t size() const { return size_; }

  template <class T>
  std::span<T> as() const {
    return {reinterpret_cast<T*>(start_), size_ / sizeof(T)};
  }

 private:
  std::byte* start_ = nullptr;
  size_t size_ = 0;
};

// Tells the system that mapped bytes will not be read soon: whole pages leave memory, and come back from
// their file if they are.
void release_mapped(std::span<const std::byte> bytes);

}  // namespace tern
