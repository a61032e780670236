// The search for one matrix shape: which layout, and which kernel for each number of rows.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "autotune/measure/exact_check.h"
#include "autotune/search/candidate_timing.h"
#include "autotune/search/final_race.h"
#include "autotune/search/layout_candidate.h"

namespace tern::autotune {

class ShapeSearch {
 public:
  // The problem's m is ignored. `demands` by ascending m. `tables_share`: see TuneTask.
  ShapeSearch(const ir::Problem& problem, const std::vector<Demand>& demands, double tables_share,
              const SearchTools& tools, uint64_t seed);

  // Kernels, by their hashes, that are not to be tried.
  void leave_out(const std::vector<uint64_t>& kernels) { tried_.insert(kernels.begin(), kernels.end()); }

  // The default kernels and what is to be tried first: the recipes, and what was best elsewhere. Fails if the
  // default kernel itself cannot be compiled or is wrong.
  Status begin(const std::vector<kernels::Candidate>& warm_starts);
  // Goes on around the best until nothing gets better; true if it came to that end, false if it was stopped.
  bool refine();
  // Instead of refine(): measures the whole space. How far ahead a kernel prefetches matters only from
  // memory, so all prefetch distances are tried only of candidates that are near enough to the best.
  bool exhaust(const std::function<void(size_t done, size_t all)>& progress);

  // Instead of begin() and refine(): measures `count` candidates for each number of rows, drawn from the
  // whole space. The cost model learns nothing from them, so that its predictions can be compared with the
  // measurements. False if it was stopped. Fails as begin() does.
  Expected<bool> sample(size_t count);

  // The best layouts after final races: see decide_layouts.
  std::vector<LayoutCandidate> decide() { return decide_layouts(buckets_, timing_, tools_); }

  const std::vector<Bucket>& buckets() const { return buckets_; }
  // The layouts that are measured so far for every bucket, by ascending seconds.
  std::vector<LayoutCandidate> layouts() const { return best_layouts(buckets_, Among::measured); }
  // A session's time with the best layout, over that with the default kernels.
  double gain() const;

 private:
  Status try_defaults();
  // Compiles, checks and times the candidates that were not tried before.
  void try_all(Bucket& bucket, const std::vector<kernels::Candidate>& candidates);
  std::vector<Code> compile(std::vector<Evaluation>& evaluations) const;
  void predict(std::vector<Evaluation>& evaluations);
  void check(std::vector<Evaluation>& evaluations, std::span<const Code> codes);
  // Returns the indices of the evaluations that were timed from memory.
  std::vector<size_t> time(Bucket& bucket, const std::vector<size_t>& evaluations);
  std::vector<kernels::Candidate> most_promising(std::vector<kernels::Candidate> candidates, size_t count);
  void fill_layout(const kernels::Candidate& candidate);
  // Schedules of the best layouts, and layouts beside the best one. True if it came to an end.
  bool explore();
  // The schedules of the best layouts, until no neighbour of the best kernels is left. True if it came to an
  // end.
  bool polish();
  // Calls try_all with `at_once` candidates at a time. False if it was stopped.
  bool try_in_parts(Bucket& bucket, const std::vector<kernels::Candidate>& candidates, size_t at_once,
                    const std::function<void(size_t tried)>& progress);
  // The candidates that were not tried yet and differ in one knob from the best kernels of this layout.
  std::vector<kernels::Candidate> around(const Bucket& bucket, const std::string& layout) const;

  SearchTools tools_;
  double tables_share_;
  uint64_t seed_;
  enum class Model : uint8_t { unasked, asked, taught } model_ = Model::taught;
  CandidateTiming timing_;
  std::vector<Bucket> buckets_;
  std::optional<ExactCheck> check_;
  std::set<uint64_t> tried_;
};

}  // namespace tern::autotune
