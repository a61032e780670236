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

// As find_kernel gives it to whoever runs it.
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

// The contests of one shape: `choices` by database, null where it has none.
void add_contests(ir::Problem problem, const std::vector<const Choice*>& choices,
                  std::vector<Contest>& contests) {
  std::set<int64_t> rows;
  for (const Choice* choice : choices) {
    if (!choice) continue;
    for (const ir::Kernel& kernel : choice->kernels) rows.insert(kernel.problem.m);
  }
  for (const int64_t m : rows) {
    problem.m = m;
    Contest& contest = contests.emplace_back(Contest{problem, {}});
    for (const Choice* choice : choices)
      contest.kernels.push_back(choice ? kernel_for(*choice, problem) : std::nullopt);
  }
}

// Where code lies in memory makes a difference that is nobody's merit: each kernel is compiled so often, and
// rounds take the copies in turn.
constexpr size_t copies_of_code = 4;

// One of the distinct kernels of a contest.
struct Entrant {
  ir::Kernel kernel;
  std::string refused;
  std::vector<TimedKernel> copies;  // none if it was refused
  double tables_seconds = 0;
  std::vector<double> seconds;  // of one call with its tables, by round
};

// The default kernel is the first; the contenders get the places of theirs.
std::vector<Entrant> entrants_of(const Contest& contest, const targets::Target& target,
                                 ContestResult& result) {
  std::vector<Entrant> entrants;
  entrants.push_back({kernels::default_kernel(contest.problem, target), {}, {}, 0, {}});
  for (const std::optional<ir::Kernel>& kernel : contest.kernels) {
    std::optional<Contender>& contender = result.contenders.emplace_back();
    if (!kernel) continue;
    const auto same = std::ranges::find(entrants, hash(*kernel),
                                        [](const Entrant& entrant) { return hash(entrant.kernel); });
    contender.emplace();
    contender->kernel = static_cast<size_t>(same - entrants.begin());
    if (same == entrants.end()) entrants.push_back({*kernel, {}, {}, 0, {}});
  }
  return entrants;
}

// Compiles, checks and prepares: right before fast.
void make_ready(const ir::Problem& problem, std::vector<Entrant>& entrants, const codegen::Jit& jit,
                ThreadPool& pool, KernelTimer& timer) {
  std::vector<Expected<Code>> codes(entrants.size() * copies_of_code, Code());
  std::atomic<size_t> next = 0;
  pool.run([&](int) {
    for (size_t i = next++; i < codes.size(); i = next++)
      codes[i] = compile_code(jit, entrants[i / copies_of_code].kernel);
  });
  ExactCheck check(problem, pool);
  for (size_t i = 0; i < codes.size(); ++i) {
    Entrant& entrant = entrants[i / copies_of_code];
    const bool is_first = i % copies_of_code == 0;
    if (is_first && codes[i]) entrant.refused = check.check_guarded({&*codes[i], 1})[0];
    if (!codes[i]) entrant.refused = codes[i].error().message;
    if (!entrant.refused.empty()) continue;
    Expected<TimedKernel> timed = timer.prepare(codes[i]->kernel);
    if (!timed) {
      entrant.refused = timed.error().message;
      entrant.copies.clear();
      continue;
    }
    entrant.copies.push_back(timed.take());
    timer.prepare_for_memory(entrant.copies.back());
    if (is_first) entrant.tables_seconds = time_preparations(*codes[i], timer.threads());
  }
}

// The times of one over those of another, round by round.
std::vector<double> ratios(const Entrant& of, const Entrant& to) {
  std::vector<double> result;
  for (size_t round = 0; round < of.seconds.size(); ++round)
    result.push_back(of.seconds[round] / to.seconds[round]);
  return result;
}

std::optional<Estimate> difference_of(const ContestResult& result, const std::vector<Entrant>& entrants) {
  std::vector<const Contender*> timed;
  for (const std::optional<Contender>& contender : result.contenders) {
    if (contender && contender->refused.empty()) timed.push_back(&*contender);
  }
  if (timed.size() < 2) return std::nullopt;
  const auto [fastest, slowest] =
      std::ranges::minmax(timed, {}, [](const Contender* contender) { return contender->ratio.value; });
  if (fastest->kernel == slowest->kernel) return Estimate{0, 0, result.rounds};
  Estimate difference = estimate(ratios(entrants[slowest->kernel], entrants[fastest->kernel]));
  difference.value -= 1;
  return difference;
}

class ChoiceRace {
 public:
  ChoiceRace(const codegen::Jit& jit, ThreadPool& pool, const ChoiceRaceEvents& events)
      : jit_(jit),
        pool_(pool),
        events_(events),
        timer_(pool, bytes_from_memory(jit.target()), bytes_from_cache(jit.target())) {}

  Expected<ContestResult> hold(const Contest& contest, size_t index, int rounds) {
    ContestResult result{contest.problem, 0, 0, {}, {}};
    std::vector<Entrant> entrants = entrants_of(contest, jit_.target(), result);
    make_ready(contest.problem, entrants, jit_, pool_, timer_);
    if (entrants[0].copies.empty())
      return Error{fmt::format("the default kernel cannot be used: {}", entrants[0].refused), {}};
    for (; result.rounds < rounds && !events_.stop(); ++result.rounds) {
      events_.progress(index, result.rounds);
      run_round(entrants, static_cast<size_t>(result.rounds), index * 1000003);
    }
    result.default_seconds = median(entrants[0].seconds);
    for (std::optional<Contender>& contender : result.contenders) {
      if (!contender) continue;
      const Entrant& entrant = entrants[contender->kernel];
      contender->refused = entrant.refused;
      contender->ratio = estimate(ratios(entrant, entrants[0]));
    }
    result.difference = difference_of(result, entrants);
    return result;
  }

 private:
  void run_round(std::vector<Entrant>& entrants, size_t round, uint64_t seed) {
    std::vector<Entrant*> running;
    std::vector<const TimedKernel*> kernels;
    for (Entrant& entrant : entrants) {
      if (entrant.copies.empty()) continue;
      running.push_back(&entrant);
      kernels.push_back(&entrant.copies[round % copies_of_code]);
    }
    const std::vector<double> seconds = timer_.round(kernels, Weights::memory, seed + round);
    for (size_t i = 0; i < running.size(); ++i)
      running[i]->seconds.push_back(seconds[i] + running[i]->tables_seconds);
  }

  const codegen::Jit& jit_;
  ThreadPool& pool_;
  const ChoiceRaceEvents& events_;
  KernelTimer timer_;
};

}  // namespace

std::vector<Contest> contests_of(std::span<const Database> databases, const Conditions& conditions) {
  std::vector<Contest> contests;
  for (const Database& database : databases) {
    for (const Choice& choice : database.choices) {
      const ir::Problem& shape = choice.kernels.front().problem;
      const bool is_there = std::ranges::any_of(
          contests, [&](const Contest& contest) { return same_shape(contest.problem, shape); });
      if (choice.conditions != conditions || is_there) continue;
      std::vector<const Choice*> choices;
      for (const Database& other : databases) choices.push_back(find_choice(other, shape, conditions));
      add_contests(shape, choices, contests);
    }
  }
  return contests;
}

bool is_clear(const Estimate& difference) {
  constexpr double standard_errors = 3;
  return difference.value > standard_errors * difference.error;
}

Expected<std::vector<ContestResult>> race_choices(std::span<const Contest> contests, int rounds,
                                                  const targets::Target& target, ThreadPool& pool,
                                                  const ChoiceRaceEvents& events) {
  const Expected<codegen::Jit> jit = codegen::Jit::make(target, std::nullopt);
  if (!jit) return jit.error();
  ChoiceRace race(*jit, pool, events);
  std::vector<ContestResult> results;
  for (size_t i = 0; i < contests.size() && !events.stop(); ++i) {
    Expected<ContestResult> result = race.hold(contests[i], i, rounds);
    if (!result) return result.error();
    if (result->rounds == 0) break;  // it was stopped
    results.push_back(result.take());
  }
  return results;
}

}  // namespace tern::autotune
