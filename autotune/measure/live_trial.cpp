#include "autotune/measure/live_trial.h"

#include <algorithm>
#include <cassert>

namespace tern::autotune {
namespace {

// With fewer ratios, the spread of them says little.
constexpr int least_ratios = 8;

}  // namespace

LiveTrial::LiveTrial(const std::vector<bool>& candidate_first, const TrialRules& rules) : rules_(rules) {
  assert(!candidate_first.empty());
  for (const bool first : candidate_first) places_.push_back({first, std::nullopt});
}

void LiveTrial::add(size_t place, double seconds) {
  Place& own = places_[place];
  const bool was_candidate = own.candidate_has;
  (was_candidate ? candidate_ : in_use_).push_back(seconds);
  own.candidate_has = !was_candidate;
  if (!own.earlier) {
    own.earlier = seconds;
    return;
  }
  // A clock may be too coarse for a tiny call: then the pair says nothing.
  const double candidate = was_candidate ? seconds : *own.earlier;
  const double in_use = was_candidate ? *own.earlier : seconds;
  if (in_use > 0) ratios_.push_back(candidate / in_use);
  own.earlier.reset();
}

int LiveTrial::rounds() const {
  return static_cast<int>(std::min(in_use_.size(), candidate_.size()) / places_.size());
}

Verdict LiveTrial::look() {
  const int now = rounds();
  if (verdict_ != Verdict::undecided || now < next_look_) return verdict_;
  while (next_look_ <= now) next_look_ *= 2;
  const Estimate ratio = estimate(ratios_);
  const double margin = rules_.standard_errors * ratio.error;
  const double enough = 1 - rules_.worth_it;
  if (ratio.count >= least_ratios) {
    if (now >= rules_.least_rounds && ratio.value <= enough && 1 - ratio.value >= margin)
      verdict_ = Verdict::better;
    else if (ratio.value - enough > margin)
      verdict_ = Verdict::no_better;
  }
  if (verdict_ == Verdict::undecided && now >= rules_.most_rounds) verdict_ = Verdict::no_better;
  return verdict_;
}

TrialResult LiveTrial::result() const {
  TrialResult result;
  result.verdict = verdict_;
  result.ratio = estimate(ratios_);
  result.seconds_in_use = median(in_use_);
  result.seconds_candidate = median(candidate_);
  if (result.seconds_candidate > 0) result.spread = typical_deviation(candidate_) / result.seconds_candidate;
  result.rounds = rounds();
  return result;
}

}  // namespace tern::autotune
