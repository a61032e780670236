// A race on live work: while a model runs, some calls of a kernel go to a candidate for its place, and their
// times say which is faster. Nothing here runs or times anything: it counts what it is told.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "autotune/measure/race.h"
#include "base/statistics.h"

namespace tern::autotune {

// More rounds than elsewhere, for they cost nothing but the difference of two kernels. A candidate that is
// not faster by then is not worth more.
inline constexpr RaceRules live_race_rules = {.max_rounds = 64};

// What was measured of a candidate; the baseline is the kernel in use.
struct LiveRaceResult {
  Verdict verdict = Verdict::undecided;
  Estimate ratio;                                      // of the candidate's time to the baseline's
  double baseline_seconds = 0, candidate_seconds = 0;  // of one call: medians
  double spread = 0;                                   // of the candidate's calls: typical deviation / median
  int rounds = 0;                                      // pairs of calls in each place
};

// The places are the matrices that share a kernel. In each, calls go to the baseline and to the candidate in
// turn; two in a row make a ratio of times for the same matrix, at nearly the same time. Half of the places
// begin with the candidate, so that a machine that gets slower meanwhile favours neither.
class LiveRace {
 public:
  // `candidate_first` by place. Precondition: there is one.
  explicit LiveRace(const std::vector<bool>& candidate_first, const RaceRules& rules = live_race_rules);

  // Whether the next call in this place is the candidate's.
  bool candidate_has(size_t place) const { return places_[place].candidate_has; }
  // The time of that call. The next call in this place is the other kernel's.
  void add(size_t place, double seconds);

  // Looks at the ratios after 1, 2, 4, 8 ... rounds, and between these returns what it returned before: each
  // look is a chance to take noise for a difference. Until there are 8 ratios, whose spread can be told, it
  // is undecided.
  Verdict verdict();

  LiveRaceResult result() const;

 private:
  struct Place {
    bool candidate_has = false;
    std::optional<double> earlier;  // seconds of the first call of a pair
  };

  int rounds() const;

  RaceRules rules_;
  std::vector<Place> places_;
  std::vector<double> ratios_;
  std::vector<double> baseline_, candidate_;  // seconds
  int next_look_ = 1;                         // in rounds
  Verdict verdict_ = Verdict::undecided;
};

}  // namespace tern::autotune
