// A trial on real work: while a model runs, some calls of a kernel go to a candidate for its place, and their
// times say whether it is better. Nothing here runs or times anything: it counts what it is told.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/statistics.h"

namespace tern::autotune {

struct TrialRules {
  int least_rounds = 4;        // before a candidate is taken
  int most_rounds = 64;        // after which it is dropped: what takes so long to see is not worth it
  double worth_it = 0.01;      // by which share of the time it must be faster
  double standard_errors = 3;  // by which it must be faster or not worth it: 99.7 % sure
};

enum class Verdict { undecided, better, no_better };

// What was measured of a candidate.
struct TrialResult {
  Verdict verdict = Verdict::undecided;
  Estimate ratio;                                    // of its time to that of the kernel in use
  double seconds_in_use = 0, seconds_candidate = 0;  // of one call: medians
  double spread = 0;                                 // of the candidate's calls: their deviation / median
  int rounds = 0;                                    // pairs of calls in each place
};

// The places are the matrices that share a kernel. In each, calls go to the kernel in use and to the
// candidate in turn; two in a row make a ratio of times for the same matrix, at nearly the same time. Half of
// the places begin with the candidate, so that a machine that gets slower meanwhile favours neither.
class LiveTrial {
 public:
  // `candidate_first` by place. Precondition: there is one.
  explicit LiveTrial(const std::vector<bool>& candidate_first, const TrialRules& rules = {});

  // Whether the next call in this place is the candidate's.
  bool candidate_has(size_t place) const { return places_[place].candidate_has; }
  // The time of that call. The turn passes.
  void add(size_t place, double seconds);

  // After 1, 2, 4, 8 ... rounds it looks at what is there, and else says what it said before: fewer looks are
  // fewer chances to be lucky.
  Verdict look();

  TrialResult result() const;

 private:
  struct Place {
    bool candidate_has = false;
    std::optional<double> earlier;  // seconds of the first call of a pair
  };

  int rounds() const;

  TrialRules rules_;
  std::vector<Place> places_;
  std::vector<double> ratios_;
  std::vector<double> in_use_, candidate_;  // seconds
  int next_look_ = 1;                       // in rounds
  Verdict verdict_ = Verdict::undecided;
};

}  // namespace tern::autotune
