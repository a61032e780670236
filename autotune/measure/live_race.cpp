#include "autotune/measure/live_race.h"

#include <algorithm>
#include <cassert>

namespace tern::autotune {
namespace {

// Of fewer ratios the spread says little.
constexpr size_t min_ratios = 8;

}  // namespace

LiveRace::LiveRace(const std::vector<bool>& candidate_first, const RaceRules& rules) : rules_(rules) {
  assert(!candidate_first.empty());
  for (const bool first : candidate_first) places_.push_back({first, std::nullopt});
}

void LiveRace::add(size_t place, double seconds) {
  Place& own = places_[place];
  const bool was_candidate = own.candidate_has;
  (was_candidate ? candidate_ : baseline_).push_back(seconds);
  own.candidate_has = !was_candidate;
  if (!own.earlier) {
    own.earlier = seconds;
    return;
  }
  // A clock may be too coarse for a tiny call: then the pair says nothing.
  const double candidate = was_candidate ? seconds : *own.earlier;
  const double baseline = was_candidate ? *own.earlier : seconds;
  if (baseline > 0) ratios_.push_back(candidate / baseline);
  own.earlier.reset();
}

int LiveRace::rounds() const {
  return static_cast<int>(std::min(baseline_.size(), candidate_.size()) / places_.size());
}

Verdict LiveRace::verdict() {
  const int now = rounds();
  if (verdict_ != Verdict::undecided || now < next_look_) return verdict_;
  while (next_look_ <= now) next_look_ *= 2;
  if (ratios_.size() >= min_ratios)
    verdict_ = verdict_of(estimate(ratios_), now, rules_);
  else if (now >= rules_.max_rounds)
    verdict_ = Verdict::not_faster;
  return verdict_;
}

LiveRaceResult LiveRace::result() const {
  LiveRaceResult result;
  result.verdict = verdict_;
  result.ratio = estimate(ratios_);
  result.baseline_seconds = median(baseline_);
  result.candidate_seconds = median(candidate_);
  if (result.candidate_seconds > 0) result.spread = typical_deviation(candidate_) / result.candidate_seconds;
  result.rounds = rounds();
  return result;
}

}  // namespace tern::autotune
