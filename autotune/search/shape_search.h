// The search for one matrix shape: which layout, and which kernel for each number of rows.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "autotune/measure/exact_check.h"
#include "autotune/search/option.h"
#include "autotune/search/trial_timing.h"

namespace tern::autotune {

class ShapeSearch {
 public:
  // The problem's m does not matter. `uses` by ascending m. `tables_share`: see TuneTask.
  ShapeSearch(const ir::Problem& problem, const std::vector<Use>& uses, double tables_share,
              const SearchTools& tools, uint64_t seed);

  // Kernels, by their hashes, that are not to be tried.
  void leave_out(const std::vector<uint64_t>& kernels) { tried_.insert(kernels.begin(), kernels.end()); }

  // The default kernels and what is to be tried first: the recipes, and what was best elsewhere. Fails if the
  // default kernel itself cannot be compiled or is wrong.
  Status begin(const std::vector<kernels::Candidate>& warm_starts);
  // Goes on around the best until nothing gets better; true if it came to that end, false if it was stopped.
  bool refine();
  // Instead: measures the whole space. How far ahead a kernel prefetches matters only from memory, so all
  // distances are tried only of those that are near enough to the best.
  bool exhaust(const std::function<void(size_t done, size_t all)>& progress);

  // Instead of begin() and what comes after it: measures so many candidates for each number of rows, drawn
  // from the whole space. The cost model learns nothing from them, so that what it predicted can be compared.
  // False if it was stopped. Fails as begin() does.
  Expected<bool> sample(size_t count);

  // The best of all layouts, finally raced against each other. Ties go to the default kernels.
  std::vector<Option> decide();

  const std::vector<Bucket>& buckets() const { return buckets_; }
  // Options by ascending seconds, of what is measured so far.
  std::vector<Option> options() const { return best_options(buckets_, Among::measured); }
  // The best option's seconds, as a share of those of the default kernels.
  double gain() const;

 private:
  Status try_defaults();
  // Compiles, checks and times what was not tried before.
  void try_all(Bucket& bucket, const std::vector<kernels::Candidate>& candidates);
  std::vector<Code> compile(std::vector<Trial>& trials) const;
  void predict(std::vector<Trial>& trials);
  void check(std::vector<Trial>& trials, std::span<const Code> codes);
  // Returns those that were timed from memory.
  std::vector<size_t> time(Bucket& bucket, const std::vector<size_t>& trials);
  std::vector<kernels::Candidate> most_promising(std::vector<kernels::Candidate> candidates, size_t count);
  void fill_layout(const kernels::Candidate& candidate);
  // Schedules of the best layouts, and layouts beside the best one. True if it came to an end.
  bool explore();
  // The best layouts' schedules, until no neighbour of the best ones is left. The same.
  bool polish();
  // So many at once. False if it was stopped.
  bool try_in_parts(Bucket& bucket, const std::vector<kernels::Candidate>& candidates, size_t at_once,
                    const std::function<void(size_t tried)>& progress);
  // What one knob more or less makes of the best with this layout, and is not tried yet.
  std::vector<kernels::Candidate> around(const Bucket& bucket, const std::string& layout) const;
  bool race_finalists();

  SearchTools tools_;
  double tables_share_;
  uint64_t seed_;
  enum class Model : uint8_t { unasked, asked, taught } model_ = Model::taught;
  TrialTiming timing_;
  std::vector<Bucket> buckets_;
  std::optional<ExactCheck> check_;
  std::set<uint64_t> tried_;
};

}  // namespace tern::autotune
