#include "autotune/measure/pages.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <utility>

namespace tern::autotune {
namespace {

constexpr size_t huge_page = size_t{1} << 21;

}  // namespace

Expected<Pages> Pages::allocate(size_t bytes, Children children) {
  Pages pages;
  pages.size_ = (bytes + huge_page - 1) / huge_page * huge_page;
  void* start = mmap(nullptr, pages.size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED)
    return Error{fmt::format("no memory for {} MB to tune with", pages.size_ >> 20), {}};
  pages.start_ = static_cast<std::byte*>(start);
  madvise(start, pages.size_, MADV_HUGEPAGE);
  if (children == Children::lack) madvise(start, pages.size_, MADV_DONTFORK);
  return pages;
}

Pages::Pages(Pages&& other) noexcept
    : start_(std::exchange(other.start_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Pages& Pages::operator=(Pages&& other) noexcept {
  std::swap(start_, other.start_);
  std::swap(size_, other.size_);
  return *this;
}

Pages::~Pages() {
  if (start_) munmap(start_, size_);
}

void Pages::make_read_only() {
  if (start_) mprotect(start_, size_, PROT_READ);
}

}  // namespace tern::autotune
