#include "autotune/search/final_race.h"

#include <algorithm>

#include "kernels/row_buckets.h"
#include "kernels/space.h"

namespace tern::autotune {
namespace {

// At most this many layouts within a relative distance of the best one, and at most this many kernels of
// each.
constexpr size_t max_layouts = 4, max_kernels_each = 2;
constexpr double near_the_best = 0.04;

// Relative gains of a session, up to which the default kernel, or the default layout, is kept.
constexpr double kernel_tie = 0.01, layout_tie = 0.05;

constexpr int max_races = 6;

// Places in memory for the code of each kernel, see CandidateTiming::move_code.
int places_of_code(const ir::Problem& problem) {
  return kernels::is_decode(problem.m) ? 2 : 4;
}

std::string default_layout(const std::vector<Bucket>& buckets) {
  return kernels::layout_key(buckets[0].default_candidate.kernel);
}

// The default layout is always among them.
std::vector<std::string> final_layouts(const std::vector<Bucket>& buckets) {
  std::vector<std::string> keys;
  const std::vector<LayoutCandidate> all = best_layouts(buckets, Among::measured);
  for (const LayoutCandidate& candidate : all) {
    const std::string& key = layout_of(candidate, buckets);
    const bool near = candidate.seconds <= (1 + near_the_best) * all[0].seconds;
    if ((near && keys.size() < max_layouts) || key == default_layout(buckets)) keys.push_back(key);
  }
  return keys;
}

// Of a bucket: the default kernel, and the best kernels of these layouts. Ascending.
std::vector<size_t> final_entries(const Bucket& bucket, const std::vector<std::string>& layouts) {
  std::vector<size_t> entered = {0};
  for (const std::string& layout : layouts) {
    const std::vector<size_t> best = best_of_layout(bucket, layout, near_the_best / 2, max_kernels_each);
    entered.insert(entered.end(), best.begin(), best.end());
  }
  std::ranges::sort(entered);
  entered.erase(std::unique(entered.begin(), entered.end()), entered.end());
  return entered;
}

// False if all that would race did so before.
bool run_final_race(std::vector<Bucket>& buckets, CandidateTiming& timing, const SearchTools& tools) {
  const std::vector<std::string> layouts = final_layouts(buckets);
  bool raced = false;
  for (Bucket& bucket : buckets) {
    const std::vector<size_t> entered = final_entries(bucket, layouts);
    if (std::ranges::all_of(entered, [&](size_t i) { return bucket.evaluations[i].in_final_race; })) continue;
    for (const size_t i : entered) {
      bucket.evaluations[i].entry->from_memory.dropped = false;
      bucket.evaluations[i].in_final_race = true;
    }
    timing.from_cache(bucket, entered, 12);
    RaceRules rules;
    rules.max_rounds = 8;
    for (int place = 0; place < places_of_code(bucket.problem) && !tools.stop(); ++place) {
      if (place > 0) timing.move_code(bucket, entered);
      tools.measured(bucket, timing.from_memory(bucket, entered, rules));
    }
    raced = true;
  }
  return raced;
}

// The default kernels in place of kernels of their layout that gain no more than a tie.
void prefer_default_kernels(LayoutCandidate& candidate, const std::vector<Bucket>& buckets) {
  candidate.seconds = 0;
  for (size_t b = 0; b < buckets.size(); ++b) {
    const Bucket& bucket = buckets[b];
    if (bucket.evaluations[candidate.evaluations[b]].ratio.value > 1 - kernel_tie)
      candidate.evaluations[b] = 0;
    candidate.seconds += bucket.session_seconds(bucket.evaluations[candidate.evaluations[b]]);
  }
}

}  // namespace

std::vector<LayoutCandidate> decide_layouts(std::vector<Bucket>& buckets, CandidateTiming& timing,
                                            const SearchTools& tools) {
  if (best_layouts(buckets, Among::measured).empty()) return {};
  for (int races = 0; races < max_races && run_final_race(buckets, timing, tools); ++races) {
  }
  std::vector<LayoutCandidate> layouts = best_layouts(buckets, Among::final_race);
  const auto is_default = [&, key = default_layout(buckets)](const LayoutCandidate& candidate) {
    return layout_of(candidate, buckets) == key;
  };
  for (LayoutCandidate& candidate : layouts) {
    if (is_default(candidate)) prefer_default_kernels(candidate, buckets);
  }
  std::ranges::sort(layouts, {}, &LayoutCandidate::seconds);
  const auto default_candidate = std::ranges::find_if(layouts, is_default);
  if (default_candidate != layouts.end() &&
      default_candidate->seconds < (1 + layout_tie) * layouts[0].seconds)
    std::rotate(layouts.begin(), default_candidate, default_candidate + 1);
  return layouts;
}

}  // namespace tern::autotune
