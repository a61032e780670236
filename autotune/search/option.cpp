#include "autotune/search/option.h"

#include <algorithm>
#include <map>

namespace tern::autotune {

const std::string& layout_of(const Option& option, std::span<const Bucket> buckets) {
  return buckets[0].trials[option.trials[0]].layout;
}

std::vector<Option> best_options(std::span<const Bucket> buckets, Among among) {
  std::map<std::string, Option> by_layout;
  for (size_t b = 0; b < buckets.size(); ++b) {
    const Bucket& bucket = buckets[b];
    for (size_t i = 0; i < bucket.trials.size(); ++i) {
      const Trial& trial = bucket.trials[i];
      if (!trial.measured() || (among == Among::finalists && !trial.in_finals)) continue;
      if (b > 0 && !by_layout.contains(trial.layout)) continue;
      Option& option = by_layout[trial.layout];
      if (option.trials.size() == b) option.trials.push_back(i);
      if (option.trials.size() != b + 1) continue;
      if (bucket.session_seconds(trial) < bucket.session_seconds(bucket.trials[option.trials[b]]))
        option.trials[b] = i;
    }
  }
  std::vector<Option> options;
  for (auto& [layout, option] : by_layout) {
    if (option.trials.size() != buckets.size()) continue;
    for (size_t b = 0; b < buckets.size(); ++b)
      option.seconds += buckets[b].session_seconds(buckets[b].trials[option.trials[b]]);
    options.push_back(std::move(option));
  }
  std::ranges::sort(options, {}, &Option::seconds);
  return options;
}

std::vector<size_t> best_of_layout(const Bucket& bucket, const std::string& layout, double margin,
                                   size_t most) {
  std::vector<size_t> found;
  for (size_t i = 0; i < bucket.trials.size(); ++i) {
    if (bucket.trials[i].measured() && bucket.trials[i].layout == layout) found.push_back(i);
  }
  const auto seconds = [&](size_t i) { return bucket.session_seconds(bucket.trials[i]); };
  std::ranges::stable_sort(found, {}, seconds);
  std::erase_if(found, [&, best = found.empty() ? 0 : seconds(found[0])](size_t i) {
    return seconds(i) > (1 + margin) * best;
  });
  if (found.size() > most) found.resize(most);
  return found;
}

}  // namespace tern::autotune
