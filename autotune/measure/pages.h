// Memory for measurements and checks, by whole pages.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/expected.h"

namespace tern::autotune {

// Zeros on huge pages, where the system grants them. Moves, does not copy.
class Pages {
 public:
  // Children that are forked see a copy, or do not see it at all, which is quicker.
  enum class Children : uint8_t { copy, lack };
  static Expected<Pages> allocate(size_t bytes, Children children);
  Pages() = default;
  Pages(Pages&& other) noexcept;
  Pages& operator=(Pages&& other) noexcept;
  ~Pages();
  // From now on whoever writes there crashes.
  void make_read_only();
  std::byte* data() const { return start_; }
  size_t size() const { return size_; }

 private:
  std::byte* start_ = nullptr;
  size_t size_ = 0;
};

}  // namespace tern::autotune
