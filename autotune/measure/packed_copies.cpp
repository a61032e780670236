#include "autotune/measure/packed_copies.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

namespace tern::autotune {
namespace {

int64_t groups(const ir::Problem& problem) {
  return ir::ceil_divide(problem.k, problem.w.group);
}

}  // namespace

std::string PackedCopies::key(const ir::Kernel& kernel) {
  const ir::Problem& problem = kernel.problem;
  // Memory is aligned for any layout.
  const auto order = [&](ir::Layout layout, int64_t columns) {
    layout.alignment = 1;
    return print(in_fewest_factors(layout, problem.n, columns));
  };
  std::string text = order(kernel.weights, problem.k);
  if (kernel.scales) text += order(*kernel.scales, groups(problem));
  return text;
}

// The share of the outputs that are known: the rest of the memory is never touched.
size_t PackedCopies::bytes_for(const ir::Kernel& kernel) const {
  const ir::Problem& problem = kernel.problem;
  int64_t bytes = ir::LayoutMap(kernel.weights, problem.n, problem.k).size_in_bytes();
  if (kernel.scales) bytes += ir::LayoutMap(*kernel.scales, problem.n, groups(problem)).size_in_bytes();
  const CheckCase::Known& last = weights_.known().back();
  return static_cast<size_t>(bytes * (last.before + last.count()) / problem.n);
}

const PackedCopies::Copy* PackedCopies::find(const ir::Kernel& kernel) const {
  const auto place = copies_.find(key(kernel));
  return place == copies_.end() ? nullptr : &place->second;
}

size_t PackedCopies::bytes() const {
  size_t sum = 0;
  for (const auto& [layout, copy] : copies_) sum += copy.bytes;
  return sum;
}

// Copies that this turn needs stay.
void PackedCopies::drop_oldest() {
  while (bytes() > max_bytes_) {
    const auto oldest =
        std::ranges::min_element(copies_, {}, [](const auto& entry) { return entry.second.turn; });
    if (oldest->second.turn == turn_) return;
    copies_.erase(oldest);
  }
}

void PackedCopies::make(const ir::Kernel& kernel, Copy& copy) const {
  const auto room = [&](const ir::Layout& layout, int64_t columns, Memory& memory) -> Status {
    const ir::LayoutMap map(layout, kernel.problem.n, columns);
    TERN_ASSIGN(memory,
                Memory::allocate(static_cast<size_t>(map.size_in_bytes()) + 4096, {.for_children = true}));
    return {};
  };
  Status made = room(kernel.weights, kernel.problem.k, copy.weights);
  if (made && kernel.scales) made = room(*kernel.scales, groups(kernel.problem), copy.scales);
  if (!made) {
    copy.problem = made.error().message;
    return;
  }
  weights_.pack_weights(kernel.weights, copy.weights.data());
  copy.weights.make_read_only();
  if (!kernel.scales) return;
  weights_.pack_scales(*kernel.scales, copy.scales.data());
  copy.scales.make_read_only();
}

size_t PackedCopies::pack(std::span<const ir::Kernel* const> kernels, ThreadPool& pool) {
  std::erase_if(copies_, [](const auto& entry) { return !entry.second.problem.empty(); });
  ++turn_;
  std::vector<std::pair<const ir::Kernel*, Copy*>> missing;
  size_t bytes = 0, count = 0;
  for (; count < kernels.size(); ++count) {
    const auto [place, is_new] = copies_.try_emplace(key(*kernels[count]));
    Copy& copy = place->second;
    if (copy.turn == turn_) continue;
    if (is_new) copy.bytes = bytes_for(*kernels[count]);
    if (count > 0 && bytes + copy.bytes > max_bytes_) {
      if (is_new) copies_.erase(place);
      break;
    }
    bytes += copy.bytes;
    copy.turn = turn_;
    if (is_new) missing.emplace_back(kernels[count], &copy);
  }
  if (missing.empty()) return count;
  drop_oldest();
  std::atomic<size_t> next = 0;
  pool.run([&](int) {
    for (size_t i = next++; i < missing.size(); i = next++) make(*missing[i].first, *missing[i].second);
  });
  return count;
}

}  // namespace tern::autotune
