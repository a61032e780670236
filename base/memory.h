// Large blocks of memory for weights and activations.
#pragma once

#include <cstddef>
#include <span>

#include "base/expected.h"

namespace tern {

// A zeroed block that starts on a page, on huge pages where the system grants them: weights are read once a
// token, and small pages would cost an address look-up every 4 KiB. Children that are forked lack it, which
// makes forking quick beside a model that runs. Moves, does not copy.
class Memory {
 public:
  static Expected<Memory> allocate(size_t bytes);
  Memory() = default;
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  ~Memory();

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
