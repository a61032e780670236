// The search for one matrix shape: which layout, and which kernel for each number of rows.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "autotune/cost_model.h"
#include "autotune/exact_check.h"
#include "autotune/expected_time.h"
#include "autotune/kernel_timer.h"
#include "autotune/race.h"
#include "codegen/jit.h"

namespace tern::autotune {

// How many calls for m rows a typical session makes of each matrix.
struct Use {
  int64_t m = 1;
  double calls = 1;
};

// One candidate, with all that became of it.
struct Trial {
  Candidate candidate;
  std::optional<Prediction> prediction;
  std::optional<Runner> runner;                   // if it was compiled and right
  std::optional<codegen::CompiledKernel> tables;  // of strategy lookup
  double tables_seconds = 0;                      // to build the tables of all rows
  double weight_bytes = 0;
  std::string refused;  // why not
  // Rounds with weights from memory: the ratio to the default kernel, over the ratio that was to be expected.
  std::vector<double> surprises;
  // What its calls should take, by all that was measured, in times of the default kernel's.
  Estimate ratio;
  bool measured() const { return runner && !runner->from_cache.empty(); }
  double seconds(double default_seconds) const { return ratio.value * default_seconds; }
};

// All that is known for one number of rows.
struct Bucket {
  Use use;
  ir::Problem problem;
  Candidate fallback;          // the default kernel
  double default_seconds = 0;  // of a call, in the race in which memory was fastest
  double default_cache_seconds = 0;
  std::vector<double> noises;  // of each race: see RaceResult
  double noise() const { return median(noises); }
  std::vector<Trial> trials;    // the default kernel is the first
  std::vector<double> control;  // ratios of the default kernel to itself, by round of all races

  CallCost cost(const Trial& trial) const {
    return {trial.runner->from_cache.shortest(), trial.weight_bytes};
  }
  CallCost default_cost() const { return {default_cache_seconds, trials[0].weight_bytes}; }
};

// Kernels that share packed weights, one for each bucket.
struct Option {
  std::vector<size_t> trials;  // by bucket: indices into its trials
  double seconds = 0;          // of a session: calls times seconds of each bucket
};

struct SearchTools {
  const targets::Target& target;
  const Crew& crew;
  const codegen::Jit& jit;
  CostModel& model;
  KernelTimer& timer;
  // The most that memory was seen to do. Kernels are chosen for that: where others take a share of it, all
  // that wait for memory wait alike, but who chose by that would regret it when they are gone.
  double& bytes_per_second;
  // Asked often: whether to end, for lack of time or because somebody wants it.
  std::function<bool()> stop;
  // Told after each race, so that nothing measured is lost.
  std::function<void(const Bucket& bucket)> measured;
};

class ShapeSearch {
 public:
  // The problem's m does not matter. `uses` by ascending m. `tables_share`: see TuneTask.
  ShapeSearch(const ir::Problem& problem, const std::vector<Use>& uses, double tables_share,
              const SearchTools& tools, uint64_t seed);

  // Kernels, by their hashes, that are not to be tried.
  void leave_out(const std::vector<uint64_t>& kernels) { tried_.insert(kernels.begin(), kernels.end()); }

  // The default kernels and what is to be tried first: the recipes, and what was best elsewhere. Fails if the
  // default kernel itself cannot be compiled or is wrong.
  Status begin(const std::vector<Candidate>& warm_starts);
  // Goes on around the best until nothing gets better; true if it came to that end, false if it was stopped.
  bool refine();
  // Instead: measures the whole space.
  bool exhaust(const std::function<void(size_t done, size_t all)>& progress);

  // Instead of begin() and what comes after it: measures so many candidates for each number of rows, drawn
  // from the whole space. The cost model learns nothing from them, so that what it predicted can be compared.
  // False if it was stopped. Fails as begin() does.
  Expected<bool> sample(size_t count);

  // The best of all layouts, finally raced against each other. Ties go to the default kernels.
  std::vector<Option> decide();

  const std::vector<Bucket>& buckets() const { return buckets_; }
  // Options by ascending seconds, of what is measured so far.
  std::vector<Option> options() const;
  // The best option's seconds, as a share of those of the default kernels.
  double gain() const;

 private:
  Status try_defaults();
  // Compiles, checks and times what was not tried before.
  void try_all(Bucket& bucket, const std::vector<Candidate>& candidates);
  void time_from_cache(Bucket& bucket, const std::vector<size_t>& trials, int most_rounds);
  void time_from_memory(Bucket& bucket, std::vector<size_t> trials, const RaceRules& rules);
  void judge(Bucket& bucket) const;
  void fill_layout(const Candidate& candidate);
  std::vector<Candidate> most_promising(std::vector<Candidate> candidates, size_t count);

  SearchTools tools_;
  double tables_share_;
  uint64_t seed_;
  bool learns_ = true;  // the cost model does
  std::vector<Bucket> buckets_;
  std::map<int64_t, std::unique_ptr<ExactCheck>> checks_;  // by m
  std::set<uint64_t> tried_;
};

}  // namespace tern::autotune
