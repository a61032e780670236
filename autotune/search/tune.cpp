#include "autotune/search/tune.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <span>

#include "base/decimal.h"

namespace tern::autotune {
namespace {

using Clock = std::chrono::steady_clock;

// The share of the budget that the last races take.
constexpr double share_of_decisions = 0.25;

// What was so much slower than the best in an earlier session is not measured again.
constexpr double not_worth_another_look = 1.2;

// A race in which one kernel differs so much from itself cannot tell close ones apart.
constexpr double too_noisy = 0.1;

// Threads that want to run, beside this one.
double load_by_others() {
  std::ifstream file("/proc/loadavg");
  double average = 0;
  int running = 1;
  file >> average >> average >> average >> running;
  return file ? std::max(running - 1, 0) : 0;
}

// Of the rounds from memory from `first` on.
Timing timing_of(const Bucket& bucket, const Evaluation& evaluation, size_t first, double load) {
  Timing timing;
  if (evaluation.entry->from_memory.seconds.size() > first) {
    const std::vector<double>& all = evaluation.entry->from_memory.seconds;
    const std::vector<double> seconds(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
    timing.seconds = to_four_digits(median(seconds));
    timing.spread = to_four_digits(typical_deviation(seconds) / median(seconds));
    timing.rounds = static_cast<int>(seconds.size());
  }
  timing.cache_seconds = to_four_digits(bucket.cost(evaluation).cache_seconds);
  timing.ratio = to_four_digits(evaluation.ratio.value);
  timing.error = to_four_digits(evaluation.ratio.error);
  timing.date = date_now();
  timing.load = load;
  return timing;
}

class Session {
 public:
  Session(const std::vector<TuneTask>& tasks, const TuneOptions& options, const TuneMachine& machine,
          const Database& known, const TuneEvents& events, const codegen::Jit& jit, CostModel& model)
      : options_(options),
        known_(known),
        events_(events),
        conditions_{options.target, static_cast<int>(machine.pool.threads())},
        bytes_per_second_(machine.machine.bytes_per_second),
        timer_(machine.pool, bytes_from_memory(machine.target), bytes_from_cache(machine.target)),
        tools_{machine.target,
               machine.pool,
               jit,
               model,
               timer_,
               bytes_per_second_,
               [this] { return stop(); },
               [this](const Bucket& bucket, std::span<const size_t> evaluations) {
                 keep(bucket, evaluations);
               }} {
    for (const TuneTask& task : tasks) result_.shapes.push_back({task, nullptr, {}, {}, 0, 0, 0});
    // What takes the most of a session first: it teaches the others.
    std::ranges::stable_sort(result_.shapes, std::greater{},
                             [](const ShapeOutcome& shape) { return work(shape.task); });
  }

  Expected<TuneResult> run() {
    for (ShapeOutcome& shape : result_.shapes) find_known(shape);
    const Status begun = options_.sample > 0 ? sample() : search();
    if (!begun) return begun.error();
    for (ShapeOutcome& shape : result_.shapes) {
      if (shape.known()) continue;
      if (options_.sample == 0) decide(shape);
      count(shape);
    }
    if (failure_) return *failure_;
    result_.interrupted = events_.interrupted();
    result_.seconds = elapsed();
    result_.bytes_per_second = bytes_per_second_;
    std::vector<double> noises;
    for (const ShapeOutcome& shape : result_.shapes) {
      if (shape.known()) continue;
      for (const Bucket& bucket : shape.search->buckets())
        noises.insert(noises.end(), bucket.noises.begin(), bucket.noises.end());
    }
    result_.noise = median(noises);
    for (const double noise : noises) result_.noisy_races += noise > too_noisy;
    result_.races = noises.size();
    return std::move(result_);
  }

 private:
  static double work(const TuneTask& task) {
    return task.matrices * static_cast<double>(task.problem.n) * static_cast<double>(task.problem.k);
  }
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  bool has_budget() const { return !options_.exhaustive && options_.sample == 0; }
  bool stop() const {
    return failure_.has_value() || events_.interrupted() || (has_budget() && elapsed() >= deadline_);
  }

  void find_known(ShapeOutcome& shape) {
    if (options_.again || options_.sample > 0) return;
    for (const Choice& choice : known_.choices) {
      if (choice.conditions != conditions_ || !choice.complete || choice.predicted) continue;
      ir::Problem problem = choice.kernels[0].problem;
      problem.m = shape.task.problem.m;
      if (problem != shape.task.problem) continue;
      // Made for these numbers of rows?
      if (std::ranges::equal(
              choice.kernels, shape.task.demands, {},
              [](const ir::Kernel& kernel) { return kernel.problem.m; }, &Demand::m))
        shape.choice = choice;
    }
  }
  bool is_known(const ShapeOutcome& shape) const { return !shape.choice.kernels.empty(); }

  // What is known of this shape from sessions before, and what was best for the shapes before.
  std::vector<kernels::Candidate> warm_starts(const ShapeOutcome& shape, std::vector<uint64_t>& slow) const {
    std::vector<kernels::Candidate> found;
    for (const Demand& demand : shape.task.demands) {
      ir::Problem problem = shape.task.problem;
      problem.m = demand.m;
      std::vector<const Record*> records;
      for (const Record& record : known_.records) {
        if (record.conditions == conditions_ && record.kernel.problem == problem) records.push_back(&record);
      }
      const auto ratio = [](const Record* record) {
        return record->timings.empty() ? 1e9 : record->timings.back().ratio;
      };
      std::ranges::sort(records, {}, ratio);
      for (size_t i = 0; i < records.size(); ++i) {
        const bool refused = !records[i]->refused.empty();
        if (i > 0 && (refused || ratio(records[i]) > not_worth_another_look * ratio(records[0])))
          slow.push_back(hash(records[i]->kernel));
        else if (i < 8)
          if (std::optional<kernels::Candidate> candidate =
                  kernels::parse_candidate(records[i]->recipe, problem, tools_.target))
            found.push_back(std::move(*candidate));
      }
    }
    for (const Record& hint : options_.hints) {
      ir::Problem problem = shape.task.problem;
      problem.m = hint.kernel.problem.m;
      if (hint.kernel.problem != problem) continue;
      if (std::optional<kernels::Candidate> candidate =
              kernels::parse_candidate(hint.recipe, problem, tools_.target))
        found.push_back(std::move(*candidate));
    }
    for (const ShapeOutcome& other : result_.shapes) {
      if (other.known() || other.task.problem.w.element != shape.task.problem.w.element) continue;
      const std::vector<LayoutCandidate> layouts = other.search->layouts();
      for (size_t i = 0; i < std::min<size_t>(layouts.size(), 3); ++i) {
        for (size_t b = 0; b < other.search->buckets().size(); ++b)
          found.push_back(other.search->buckets()[b].evaluations[layouts[i].evaluations[b]].candidate);
      }
    }
    return found;
  }

  Status search() {
    double work_left = 0;
    for (const ShapeOutcome& shape : result_.shapes)
      work_left += is_known(shape) ? 0 : std::sqrt(work(shape.task));
    const double searching = options_.budget_seconds * (1 - share_of_decisions);
    for (size_t i = 0; i < result_.shapes.size(); ++i) {
      ShapeOutcome& shape = result_.shapes[i];
      if (is_known(shape)) continue;
      // Its share of what is left; what one shape does not need goes to the others.
      const double share = std::sqrt(work(shape.task)) / work_left;
      deadline_ = elapsed() + std::max(0.0, searching - elapsed()) * share;
      work_left -= std::sqrt(work(shape.task));
      now_ = i;
      std::vector<uint64_t> slow;
      const std::vector<kernels::Candidate> warm = warm_starts(shape, slow);
      shape.search =
          std::make_unique<ShapeSearch>(shape.task.problem, shape.task.demands, shape.task.tables_share,
                                        tools_, options_.seed + i * 1000003);
      shape.search->leave_out(slow);
      const Status begun = shape.search->begin(warm);
      if (!begun) return begun;
      shape.choice.complete = options_.exhaustive ? shape.search->exhaust([&](size_t done, size_t all) {
        exhausted_ = static_cast<double>(done) / static_cast<double>(all);
      })
                                                  : shape.search->refine();
      if (failure_) return *failure_;
    }
    // The time that is left goes to searches that did not come to their end.
    for (size_t i = 0; i < result_.shapes.size(); ++i) {
      ShapeOutcome& shape = result_.shapes[i];
      if (shape.known() || shape.choice.complete || options_.exhaustive) continue;
      deadline_ = searching;
      now_ = i;
      shape.choice.complete = shape.search->refine();
    }
    return failure_ ? Status(*failure_) : Status();
  }

  Status sample() {
    for (size_t i = 0; i < result_.shapes.size(); ++i) {
      ShapeOutcome& shape = result_.shapes[i];
      now_ = i;
      shape.search =
          std::make_unique<ShapeSearch>(shape.task.problem, shape.task.demands, shape.task.tables_share,
                                        tools_, options_.seed + i * 1000003);
      const Expected<bool> done = shape.search->sample(options_.sample);
      if (!done) return done.error();
      if (failure_) return *failure_;
      exhausted_ = static_cast<double>(i + 1) / static_cast<double>(result_.shapes.size());
    }
    return {};
  }

  static void count(ShapeOutcome& shape) {
    for (const Bucket& bucket : shape.search->buckets()) {
      shape.seen += bucket.evaluations.size();
      for (const Evaluation& evaluation : bucket.evaluations) {
        shape.compiled += evaluation.entry.has_value();
        shape.measured += evaluation.measured();
      }
    }
  }

  void decide(ShapeOutcome& shape) {
    // The final races are short: they run even when time is up, unless the session was interrupted.
    deadline_ = 1e18;
    const bool complete = shape.choice.complete;
    shape.layouts = events_.interrupted() ? shape.search->layouts() : shape.search->decide();
    if (shape.layouts.empty()) return;
    Choice choice;
    choice.conditions = conditions_;
    choice.complete = complete && !events_.interrupted();
    choice.date = date_now();
    const std::vector<Bucket>& buckets = shape.search->buckets();
    for (size_t b = 0; b < buckets.size(); ++b) {
      const Evaluation& evaluation = buckets[b].evaluations[shape.layouts[0].evaluations[b]];
      choice.kernels.push_back(evaluation.candidate.kernel);
      choice.seconds.push_back(to_four_digits(evaluation.seconds(buckets[b].default_seconds)));
      choice.ratios.push_back(to_four_digits(evaluation.ratio.value));
    }
    shape.choice = choice;
    Database found;
    found.provenance = known_.provenance;
    found.choices.push_back(std::move(choice));
    store(found);
  }

  void store(const Database& found) {
    if (failure_) return;
    if (const Status status = events_.store(found); !status) failure_ = status.error();
  }

  // Called after each race, so that a session that is killed loses that race at most.
  void keep(const Bucket& bucket, std::span<const size_t> evaluations) {
    Database found;
    found.provenance = known_.provenance;
    const double load = load_by_others();
    for (const size_t i : evaluations) {
      const Evaluation& evaluation = bucket.evaluations[i];
      const size_t rounds = evaluation.entry ? evaluation.entry->from_memory.ratios.size() : 0;
      const auto [kept, is_new] = kept_.try_emplace(hash(evaluation.candidate.kernel), 0);
      if (!is_new && kept->second == rounds) continue;
      Record record;
      record.conditions = conditions_;
      record.kernel = evaluation.candidate.kernel;
      record.recipe = print(evaluation.candidate);
      record.refused = evaluation.refused;
      if (evaluation.prediction) record.predicted_seconds = to_four_digits(evaluation.prediction->seconds);
      if (evaluation.measured()) record.timings.push_back(timing_of(bucket, evaluation, kept->second, load));
      kept->second = rounds;
      found.records.push_back(std::move(record));
      if (!is_new) continue;
      ++counts_.seen;
      counts_.compiled += evaluation.entry.has_value();
      counts_.measured += evaluation.measured();
    }
    store(found);
    report();
  }

  void report() {
    const ShapeOutcome& shape = result_.shapes[now_];
    TuneProgress progress = counts_;
    progress.shape = now_;
    progress.shapes = result_.shapes.size();
    progress.problem = shape.task.problem;
    progress.fraction = has_budget() ? std::min(1.0, elapsed() / options_.budget_seconds) : exhausted_;
    progress.seconds_left = has_budget()     ? std::max(0.0, options_.budget_seconds - elapsed())
                            : exhausted_ > 0 ? elapsed() / exhausted_ * (1 - exhausted_)
                                             : 0;
    if (shape.search) progress.best_ratio = shape.search->gain();
    events_.progress(progress);
  }

  const TuneOptions& options_;
  const Database& known_;
  const TuneEvents& events_;
  const Conditions conditions_;
  const Clock::time_point start_ = Clock::now();
  double deadline_ = 0, exhausted_ = 0;
  size_t now_ = 0;  // the shape that is being worked on
  TuneProgress counts_;
  std::optional<Error> failure_;
  std::map<uint64_t, size_t> kept_;  // rounds that were stored, by kernel
  double bytes_per_second_;
  KernelTimer timer_;
  SearchTools tools_;
  TuneResult result_;
};

}  // namespace

Expected<TuneResult> tune(const std::vector<TuneTask>& tasks, const TuneOptions& options,
                          const TuneMachine& machine, const Database& known, const TuneEvents& events) {
  const Expected<codegen::Jit> jit = codegen::Jit::make(machine.target, std::nullopt);
  if (!jit) return jit.error();
  // This processor runs the code, even if the target allows fewer features.
  targets::Target modelled = machine.target;
  modelled.name = "host";
  modelled.llvm_cpu.clear();
  Expected<CostModel> model = CostModel::make(modelled, machine.machine, machine.pool.threads());
  if (!model) return model.error();
  return Session(tasks, options, machine, known, events, *jit, *model).run();
}

std::string date_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

}  // namespace tern::autotune
