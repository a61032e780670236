#include "runtime/execute/routes.h"

#include <algorithm>
#include <cmath>

namespace tern::runtime {

void choose_experts(const FloatOps& ops, const float* logits, int64_t count, int64_t used, uint32_t* experts,
                    float* weights, float* scratch) {
  bool sound = true;
  // The experts chosen among those looked at, the likeliest first.
  for (int64_t i = 0; i < count; ++i) {
    sound &= !std::isnan(logits[i]);
    int64_t slot = std::min(i, used);
    if (slot == used) {
      --slot;
      if (!(logits[i] > logits[experts[slot]])) continue;
    }
    for (; slot > 0 && logits[i] > logits[experts[slot - 1]]; --slot) experts[slot] = experts[slot - 1];
    experts[slot] = static_cast<uint32_t>(i);
  }
  const float largest = logits[experts[0]];
  std::sort(experts, experts + used);
  for (int64_t slot = 0; slot < used; ++slot) scratch[slot] = logits[experts[slot]] - largest;
  ops.exponential(scratch, static_cast<size_t>(used), weights);
  float total = 0;
  for (int64_t slot = 0; slot < used; ++slot) total += weights[slot];
  for (int64_t slot = 0; slot < used; ++slot) weights[slot] = sound ? weights[slot] / total : NAN;
}

void place_rows(int64_t count, int64_t expert_count, std::span<const int64_t> padded, Routes& routes) {
  std::vector<int64_t> counts(static_cast<size_t>(expert_count)), next(counts.size());
  const auto all = static_cast<size_t>(count * routes.used);
  for (size_t i = 0; i < all; ++i) ++counts[routes.experts[i]];
  routes.runs.clear();
  routes.shared_runs.clear();
  int64_t row = 0;
  for (size_t expert = 0; expert < counts.size(); ++expert) {
    if (counts[expert] == 0) continue;
    next[expert] = row;
    routes.runs.push_back({expert, row, row, counts[expert]});
    routes.shared_runs.push_back({expert, 0, row, counts[expert]});
    row += padded[static_cast<size_t>(counts[expert])];
  }
  routes.rows.resize(all);
  for (size_t i = 0; i < all; ++i) routes.rows[i] = next[routes.experts[i]]++;
}

}  // namespace tern::runtime
