// Timing the candidates of a bucket, both ways: see autotune/search/expected_time.h.
#pragma once

#include <vector>

#include "autotune/measure/code.h"
#include "autotune/search/search_tools.h"

namespace tern::autotune {

class TrialTiming {
 public:
  TrialTiming(const SearchTools& tools, uint64_t seed) : tools_(tools), seed_(seed) {}

  // Of code that was found right: makes it ready to be timed. `tables_share`: see TuneTask.
  Status prepare(Trial& trial, const Code& code, double tables_share);
  // Those with these indices, with weights from cache. The code of what turns out slower than the best is
  // released, until it is to run again.
  void from_cache(Bucket& bucket, std::vector<size_t> trials, int most_rounds);
  // With weights from memory, and beside them the best, or the new would only be compared with each other.
  // Returns all that ran.
  std::vector<size_t> from_memory(Bucket& bucket, std::vector<size_t> trials, const RaceRules& rules);

  // Compiles them again, to somewhere else in memory. Where code lies makes many rows up to a twentieth
  // slower: what the CPU learns about loads by their addresses gets confused.
  void place_anew(Bucket& bucket, const std::vector<size_t>& trials);

 private:
  void revive(Bucket& bucket, std::vector<size_t>& trials);

  SearchTools tools_;
  uint64_t seed_;
};

}  // namespace tern::autotune
