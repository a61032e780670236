#include "autotune/search/choice_race.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "autotune/measure/exact_check.h"
#include "autotune/measure/kernel_timer.h"
#include "kernels/default_kernel.h"

namespace tern::autotune {
namespace {

const Choice* find_choice(const Database& database, const ir::Problem& shape, const Conditions& conditions) {
  for (const Choice& choice : database.choices) {
    if (choice.conditions == conditions && same_shape(choice.kernels.front().problem, shape)) return &choice;
  }
  return nullptr;
}

// As find_kernel gives it to an engine.
std::optional<ir::Kernel> kernel_for(const Choice& choice, const ir::Problem& problem) {
  const auto found =
      std::ranges::find(choice.kernels, problem.m, [](const ir::Kernel& one) { return one.problem.m; });
  if (found == choice.kernels.end()) return std::nullopt;
  ir::Kernel kernel = *found;
  kernel.problem.w.scaling = problem.w.scaling;
  kernel.epilogue = ir::Epilogue::plain;
  kernel.quantizes_rows = false;
  return kernel;
}

// The races of one shape: `choices` by database, null where it has none.
void add_races(ir::Problem problem, const std::vector<const Choice*>& choices,
               std::vector<ChoiceRace>& races) {
  std::set<int64_t> rows;
  for (const Choice* choice : choices) {
    if (!choice) continue;
    for (const ir::Kernel& kernel : choice->kernels) rows.insert(kernel.problem.m);
  }
  for (const int64_t m : rows) {
    problem.m = m;
    ChoiceRace& race = races.emplace_back(ChoiceRace{problem, {}});
    for (const Choice* choice : choices)
      race.kernels.push_back(choice ? kernel_for(*choice, problem) : std::nullopt);
  }
}

// Copies of each kernel's code, at several places in memory, which the rounds take in turn: where code lies
// makes a difference that says nothing of the kernel.
constexpr size_t copies_of_code = 4;

// One of the distinct kernels of a race.
struct DistinctKernel {
  ir::Kernel kernel;
  std::string refused;
  std::vector<TimedKernel> copies;  // none if it was refused
  double preparation_seconds = 0;
  std::vector<double> seconds;  // of one call with its preparations, by round
};

// The default kernel is the first. `result` gets the entries, with the indices of their kernels.
std::vector<DistinctKernel> distinct_kernels(const ChoiceRace& race, const targets::Target& target,
                                             ChoiceRaceResult& result) {
  std::vector<DistinctKernel> distinct;
  distinct.push_back({kernels::default_kernel(race.problem, target), {}, {}, 0, {}});
  for (const std::optional<ir::Kernel>& kernel : race.kernels) {
    std::optional<ChoiceEntry>& entry = result.entries.emplace_back();
    if (!kernel) continue;
    const auto same = std::ranges::find(distinct, hash(*kernel),
                                        [](const DistinctKernel& one) { return hash(one.kernel); });
    entry.emplace();
    entry->kernel = static_cast<size_t>(same - distinct.begin());
    if (same == distinct.end()) distinct.push_back({*kernel, {}, {}, 0, {}});
  }
  return distinct;
}

// Compiles, checks and prepares: right before fast.
void make_ready(const ir::Problem& problem, std::vector<DistinctKernel>& distinct, const codegen::Jit& jit,
                ThreadPool& pool, KernelTimer& timer) {
  std::vector<Expected<Code>> codes(distinct.size() * copies_of_code, Code());
  std::atomic<size_t> next = 0;
  pool.run([&](int) {
    for (size_t i = next++; i < codes.size(); i = next++)
      codes[i] = compile_code(jit, distinct[i / copies_of_code].kernel);
  });
  ExactCheck check(problem, pool);
  for (size_t i = 0; i < codes.size(); ++i) {
    DistinctKernel& one = distinct[i / copies_of_code];
    const bool is_first = i % copies_of_code == 0;
    if (is_first && codes[i]) one.refused = check.check_guarded({&*codes[i], 1})[0];
    if (!codes[i]) one.refused = codes[i].error().message;
    if (!one.refused.empty()) continue;
    Expected<TimedKernel> timed = timer.prepare(codes[i]->kernel);
    if (!timed) {
      one.refused = timed.error().message;
      one.copies.clear();
      continue;
    }
    one.copies.push_back(timed.take());
    timer.prepare_for_memory(one.copies.back());
    if (is_first) one.preparation_seconds = time_preparations(*codes[i], timer.threads());
  }
}

std::optional<Estimate> difference_of(const ChoiceRaceResult& result,
                                      const std::vector<DistinctKernel>& distinct) {
  std::vector<const ChoiceEntry*> timed;
  for (const std::optional<ChoiceEntry>& entry : result.entries) {
    if (entry && entry->refused.empty()) timed.push_back(&*entry);
  }
  if (timed.size() < 2) return std::nullopt;
  const auto [fastest, slowest] =
      std::ranges::minmax(timed, {}, [](const ChoiceEntry* entry) { return entry->ratio.value; });
  if (fastest->kernel == slowest->kernel) return Estimate{0, 0, result.rounds};
  Estimate difference =
      estimate(paired_ratios(distinct[slowest->kernel].seconds, distinct[fastest->kernel].seconds));
  difference.value -= 1;
  return difference;
}

class RaceTrack {
 public:
  RaceTrack(const codegen::Jit& jit, ThreadPool& pool, const ChoiceRaceEvents& events)
      : jit_(jit),
        pool_(pool),
        events_(events),
        timer_(pool, bytes_from_memory(jit.target()), bytes_from_cache(jit.target())) {}

  Expected<ChoiceRaceResult> run(const ChoiceRace& race, size_t index, int rounds) {
    ChoiceRaceResult result{race.problem, 0, 0, {}, {}};
    std::vector<DistinctKernel> distinct = distinct_kernels(race, jit_.target(), result);
    make_ready(race.problem, distinct, jit_, pool_, timer_);
    if (distinct[0].copies.empty())
      return Error{fmt::format("the default kernel cannot be used: {}", distinct[0].refused), {}};
    for (; result.rounds < rounds && !events_.stop(); ++result.rounds) {
      events_.progress(index, result.rounds);
      run_round(distinct, static_cast<size_t>(result.rounds), index * 1000003);
    }
    result.default_seconds = median(distinct[0].seconds);
    for (std::optional<ChoiceEntry>& entry : result.entries) {
      if (!entry) continue;
      const DistinctKernel& own = distinct[entry->kernel];
      entry->refused = own.refused;
      entry->ratio = estimate(paired_ratios(own.seconds, distinct[0].seconds));
    }
    result.difference = difference_of(result, distinct);
    return result;
  }

 private:
  void run_round(std::vector<DistinctKernel>& distinct, size_t round, uint64_t seed) {
    std::vector<DistinctKernel*> running;
    std::vector<const TimedKernel*> kernels;
    for (DistinctKernel& one : distinct) {
      if (one.copies.empty()) continue;
      running.push_back(&one);
      kernels.push_back(&one.copies[round % copies_of_code]);
    }
    const std::vector<double> seconds = timer_.round(kernels, Weights::memory, seed + round);
    for (size_t i = 0; i < running.size(); ++i)
      running[i]->seconds.push_back(seconds[i] + running[i]->preparation_seconds);
  }

  const codegen::Jit& jit_;
  ThreadPool& pool_;
  const ChoiceRaceEvents& events_;
  KernelTimer timer_;
};

}  // namespace

std::vector<ChoiceRace> choice_races_of(std::span<const Database> databases, const Conditions& conditions) {
  std::vector<ChoiceRace> races;
  for (const Database& database : databases) {
    for (const Choice& choice : database.choices) {
      const ir::Problem& shape = choice.kernels.front().problem;
      const bool is_there =
          std::ranges::any_of(races, [&](const ChoiceRace& race) { return same_shape(race.problem, shape); });
      if (choice.conditions != conditions || is_there) continue;
      std::vector<const Choice*> choices;
      for (const Database& other : databases) choices.push_back(find_choice(other, shape, conditions));
      add_races(shape, choices, races);
    }
  }
  return races;
}

Expected<std::vector<ChoiceRaceResult>> race_choices(std::span<const ChoiceRace> races, int rounds,
                                                     const targets::Target& target, ThreadPool& pool,
                                                     const ChoiceRaceEvents& events) {
  const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
  if (!jit) return jit.error();
  RaceTrack track(*jit, pool, events);
  std::vector<ChoiceRaceResult> results;
  for (size_t i = 0; i < races.size() && !events.stop(); ++i) {
    Expected<ChoiceRaceResult> result = track.run(races[i], i, rounds);
    if (!result) return result.error();
    if (result->rounds == 0) break;  // it was stopped
    results.push_back(result.take());
  }
  return results;
}

}  // namespace tern::autotune
