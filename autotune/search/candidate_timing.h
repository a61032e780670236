// Timing the candidates of a bucket with weights from cache and from memory: see
// autotune/search/expected_time.h.
#pragma once

#include <vector>

#include "autotune/measure/code.h"
#include "autotune/search/search_tools.h"

namespace tern::autotune {

class CandidateTiming {
 public:
  CandidateTiming(const SearchTools& tools, uint64_t seed) : tools_(tools), seed_(seed) {}

  // Makes an evaluation ready to be timed: `code` is its candidate's, and was found right. `tables_share`:
  // see TuneTask. Errors: there is not enough memory.
  Status prepare(Evaluation& evaluation, const Code& code, double tables_share);

  // Races the evaluations with these indices with weights from cache, then updates the bucket's ratios and
  // releases the code of slow candidates; what was released is compiled again when it next races.
  void from_cache(Bucket& bucket, std::vector<size_t> indices, int max_rounds);
  // The same with weights from memory. The best candidate so far races too, so that new candidates are
  // compared with it. Returns the indices of all that ran.
  std::vector<size_t> from_memory(Bucket& bucket, std::vector<size_t> indices, const RaceRules& rules);

  // Compiles these candidates again, to other places in memory: where code lies makes kernels for many rows
  // up to a twentieth slower, because the CPU's predictions about loads, which go by their addresses,
  // collide.
  void move_code(Bucket& bucket, const std::vector<size_t>& indices);

 private:
  void compile_released(Bucket& bucket, std::vector<size_t>& indices);

  SearchTools tools_;
  uint64_t seed_;
};

}  // namespace tern::autotune
