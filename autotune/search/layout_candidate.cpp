#include "autotune/search/layout_candidate.h"

#include <algorithm>
#include <map>

namespace tern::autotune {

const std::string& layout_of(const LayoutCandidate& candidate, std::span<const Bucket> buckets) {
  return buckets[0].evaluations[candidate.evaluations[0]].layout;
}

std::vector<LayoutCandidate> best_layouts(std::span<const Bucket> buckets, Among among) {
  std::map<std::string, LayoutCandidate> by_layout;
  for (size_t b = 0; b < buckets.size(); ++b) {
    const Bucket& bucket = buckets[b];
    for (size_t i = 0; i < bucket.evaluations.size(); ++i) {
      const Evaluation& evaluation = bucket.evaluations[i];
      if (!evaluation.measured() || (among == Among::final_race && !evaluation.in_final_race)) continue;
      if (b > 0 && !by_layout.contains(evaluation.layout)) continue;
      LayoutCandidate& candidate = by_layout[evaluation.layout];
      if (candidate.evaluations.size() == b) candidate.evaluations.push_back(i);
      if (candidate.evaluations.size() != b + 1) continue;
      if (bucket.session_seconds(evaluation) <
          bucket.session_seconds(bucket.evaluations[candidate.evaluations[b]]))
        candidate.evaluations[b] = i;
    }
  }
  std::vector<LayoutCandidate> layouts;
  for (auto& [layout, candidate] : by_layout) {
    if (candidate.evaluations.size() != buckets.size()) continue;
    for (size_t b = 0; b < buckets.size(); ++b)
      candidate.seconds += buckets[b].session_seconds(buckets[b].evaluations[candidate.evaluations[b]]);
    layouts.push_back(std::move(candidate));
  }
  std::ranges::sort(layouts, {}, &LayoutCandidate::seconds);
  return layouts;
}

std::vector<size_t> best_of_layout(const Bucket& bucket, const std::string& layout, double margin,
                                   size_t max_count) {
  std::vector<size_t> found;
  for (size_t i = 0; i < bucket.evaluations.size(); ++i) {
    if (bucket.evaluations[i].measured() && bucket.evaluations[i].layout == layout) found.push_back(i);
  }
  const auto seconds = [&](size_t i) { return bucket.session_seconds(bucket.evaluations[i]); };
  std::ranges::stable_sort(found, {}, seconds);
  std::erase_if(found, [&, best = found.empty() ? 0 : seconds(found[0])](size_t i) {
    return seconds(i) > (1 + margin) * best;
  });
  if (found.size() > max_count) found.resize(max_count);
  return found;
}

}  // namespace tern::autotune
