// A race: which of several entries takes less time than another. This is the one rule by which the search,
// `tern db race`, races on live work, the choice of threads, and the runner of a tuning job compare. The
// header needs C++17 and base/statistics.h alone, since the job carries both to devices.
//
// A race has rounds. In round i every entry that is still in the race is timed once, in turn, and so is a
// baseline, which never leaves it. The ratio of an entry is
//
//     r[i] = seconds of the entry in round i / seconds of the baseline in round i,
//
// a paired comparison: what slows the machine down for the length of a round cancels out. What is known of an
// entry after n rounds is the median of its ratios, and as the standard error of that median
//
//     error = 1.2533 * 1.4826 * median |r[i] - median r| / sqrt(n),    infinite if n < 3,
//
// both of which hardly feel outliers (base/statistics.h). A difference is clear if it is more than
// `confidence` standard errors, which is 99.7 % sure for 3 of them; errors of two estimates add up by hypot.
// Verdicts follow from clear differences, and from whether these are large enough to matter.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/statistics.h"

namespace tern::autotune {

struct RaceRules {
  int min_rounds = 4;            // before an entry may win, or leave for being clearly slower
  int max_rounds = 12;           // after which the race ends
  double min_difference = 0.01;  // relative: a smaller one does not matter
  double confidence = 3;         // standard errors of a clear difference
  // An entry leaves sooner if each of its ratios, of which there are at least far_rounds, is more than `far`
  // times the best entry's: a single such round may be the doing of another program.
  int far_rounds = 2;
  double far = 1.5;
};

// What was measured of one entry, by round.
struct RaceEntry {
  std::vector<double> seconds;  // of one call
  std::vector<double> ratios;   // to the baseline in the same round
  bool dropped = false;         // it left the race, for being behind

  bool empty() const { return ratios.empty(); }
  Estimate ratio() const { return estimate(ratios); }
  // What disturbs a core that has all it needs can only make a call longer. Precondition: it is not empty.
  double min_seconds() const { return *std::min_element(seconds.begin(), seconds.end()); }

  void add(double own_seconds, double baseline_seconds) {
    seconds.push_back(own_seconds);
    ratios.push_back(own_seconds / baseline_seconds);
  }
};

// What a race says of one entry, compared with its baseline.
enum class Verdict : std::uint8_t {
  undecided,
  faster,
  not_faster,  // clearly not faster by min_difference, or not within max_rounds
};

// a[i] / b[i] of the rounds that both have.
inline std::vector<double> paired_ratios(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) ratios.push_back(a[i] / b[i]);
  return ratios;
}

// Whether a difference is clearly above 0.
inline bool is_clear(const Estimate& difference, double confidence = RaceRules().confidence) {
  return difference.value > confidence * difference.error;
}

// The verdict on an entry with this ratio to the baseline, known from `rounds` rounds.
inline Verdict verdict_of(const Estimate& ratio, int rounds, const RaceRules& rules) {
  const double enough = 1 - rules.min_difference;
  if (rounds >= rules.min_rounds && ratio.value <= enough &&
      1 - ratio.value >= rules.confidence * ratio.error)
    return Verdict::faster;
  if (is_clear({ratio.value - enough, ratio.error, ratio.count}, rules.confidence) ||
      rounds >= rules.max_rounds)
    return Verdict::not_faster;
  return Verdict::undecided;
}

// Whether all of these ratios are far above that of the best entry.
inline bool is_far_behind(const std::vector<double>& ratios, double best, const RaceRules& rules) {
  return !ratios.empty() && ratios.size() >= static_cast<std::size_t>(rules.far_rounds) &&
         *std::min_element(ratios.begin(), ratios.end()) > rules.far * best;
}

// Whether an entry need not run on: it is far behind, or clearly slower than the best by a difference that
// matters.
inline bool is_behind(const RaceEntry& entry, const Estimate& best, const RaceRules& rules) {
  if (is_far_behind(entry.ratios, best.value, rules)) return true;
  const Estimate own = entry.ratio();
  return own.count >= rules.min_rounds && own.value > (1 + rules.min_difference) * best.value &&
         standard_errors_above(own, best) > rules.confidence;
}

// Whether more rounds would not change what is known of an entry: its error is less than half of what
// matters.
inline bool is_known(const RaceEntry& entry, const RaceRules& rules) {
  const Estimate own = entry.ratio();
  return own.count >= rules.min_rounds && own.error < rules.min_difference / 2 * own.value;
}

// After a round: marks entries that are behind the best one as dropped and takes them out of `running`, but
// never `kept`. Precondition: each has run.
inline void drop_behind(std::vector<RaceEntry*>& running, const RaceRules& rules,
                        const RaceEntry* kept = nullptr) {
  if (running.empty()) return;
  Estimate best = running.front()->ratio();
  for (const RaceEntry* entry : running) {
    if (const Estimate own = entry->ratio(); own.value < best.value) best = own;
  }
  for (RaceEntry* entry : running) entry->dropped = entry != kept && is_behind(*entry, best, rules);
  running.erase(
      std::remove_if(running.begin(), running.end(), [](const RaceEntry* entry) { return entry->dropped; }),
      running.end());
}

// Whether all that run are known.
inline bool is_decided(const std::vector<RaceEntry*>& running, const RaceRules& rules) {
  return std::all_of(running.begin(), running.end(),
                     [&](const RaceEntry* entry) { return is_known(*entry, rules); });
}

// The baseline's time in a round that timed it twice. What disturbs a measurement makes it longer, so of two
// times that are far apart the shorter one is the truer; otherwise their geometric mean, which is as often
// too long as too short.
inline double baseline_of(double one, double two) {
  const double shorter = std::min(one, two), longer = std::max(one, two);
  return longer > 1.5 * shorter ? shorter : std::sqrt(one * two);
}

}  // namespace tern::autotune
