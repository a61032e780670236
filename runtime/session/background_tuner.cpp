#include "runtime/session/background_tuner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <fstream>

#include "autotune/records/database_file.h"
#include "autotune/search/tune.h"
#include "kernels/row_buckets.h"
#include "runtime/session/tune_tasks.h"

namespace tern::runtime {
namespace {

// Gives this thread, and its children, the lowest priority (SCHED_IDLE), on all processors of the process.
void lower_priority(const std::vector<int>& processors) {
  const sched_param priority = {};
  sched_setscheduler(0, SCHED_IDLE, &priority);
  cpu_set_t all;
  CPU_ZERO(&all);
  for (const int processor : processors) {
    if (processor < CPU_SETSIZE) CPU_SET(static_cast<size_t>(processor), &all);
  }
  pthread_setaffinity_np(pthread_self(), sizeof all, &all);
}

// The number of runnable threads on the machine (/proc/loadavg) less `ours`.
double load_by_others(size_t ours) {
  std::ifstream file("/proc/loadavg");
  double average = 0;
  int running = 0;
  file >> average >> average >> average >> running;
  return file ? std::max(0.0, running - static_cast<double>(ours)) : 0;
}

// Whether two problems differ in m alone.
bool same_but_for_rows(ir::Problem a, const ir::Problem& b) {
  a.m = b.m;
  return a == b;
}

// The hashes of recorded kernels that were refused, or whose time was more than ratio * (1 - worth_it) of the
// default kernel's.
std::vector<uint64_t> known_to_be_no_better(const autotune::Database& known, const ir::Problem& problem,
                                            const autotune::Conditions& conditions, double ratio) {
  const double enough = ratio * (1 - autotune::live_race_rules.min_difference);
  std::vector<uint64_t> found;
  for (const autotune::Record& record : known.records) {
    if (record.conditions != conditions || record.kernel.problem != problem) continue;
    if (!record.refused.empty() || (!record.timings.empty() && record.timings.back().ratio > enough))
      found.push_back(hash(record.kernel));
  }
  return found;
}

}  // namespace

BackgroundTuner::BackgroundTuner(Engine& engine, BackgroundOptions options)
    : options_(std::move(options)),
      engine_threads_(engine.threads()),
      trials_(engine.try_kernels()),
      thread_([this] { run(); }) {}

std::string BackgroundTuner::end() {
  if (!thread_.joinable()) return summary();
  ending_ = true;
  trials_.close();
  thread_.join();
  return summary();
}

void BackgroundTuner::run() {
  lower_priority(options_.processors);
  std::vector<std::string> warnings;  // not shown: loading the engine has shown them
  Expected<autotune::Database> known = autotune::load_database(options_.file, options_.provenance, warnings);
  keeps_ = static_cast<bool>(known);
  if (!known) problem_ = fmt::format("nothing is kept: {}", known.error().text());
  const Expected<codegen::Jit> jit = codegen::Jit::make(options_.target, std::nullopt);
  if (!jit) {
    problem_ = jit.error().text();
    return;
  }
  known_ = known ? known.take() : autotune::Database{options_.provenance, {}, {}, {}};
  find_sites();
  constexpr std::chrono::milliseconds no_time(0), for_work(50);
  while (trials_.pause(no_time)) {
    if (std::ranges::all_of(sites_, &Site::is_done)) return;
    if (Site* site = busiest())
      try_next(*site, *jit);
    else if (!trials_.pause(for_work))
      return;
  }
}

autotune::Conditions BackgroundTuner::conditions(const ir::Problem& problem) const {
  const size_t threads = kernels::is_decode(problem.m) ? engine_threads_.decode : engine_threads_.prefill;
  return {options_.target.name, static_cast<int>(threads)};
}

void BackgroundTuner::find_sites() {
  std::vector<std::vector<ir::Kernel>> shapes;  // by shape: the kernels of its sites
  for (const KernelSite& site : trials_.sites()) {
    const ir::Problem& problem = site.kernel.problem;
    const auto same = std::ranges::find_if(
        shapes, [&](const auto& kernels) { return same_but_for_rows(kernels.front().problem, problem); });
    const auto index = static_cast<size_t>(same - shapes.begin());
    if (same == shapes.end()) shapes.emplace_back();
    shapes[index].push_back(site.kernel);
    sites_.push_back({problem, site.epilogues, std::nullopt, false, site.kernel, index, 0, 0, 1});
  }
  for (const std::vector<ir::Kernel>& kernels : shapes)
    choices_.push_back(
        autotune::choice_in_use(known_, kernels, options_.target, {options_.target.name, options_.threads}));
}

// Called when the site is chosen for the first time: a session uses few buckets of rows, and finding a
// kernel's knobs in its space takes a while.
void BackgroundTuner::begin_climb(Site& site) const {
  std::optional<kernels::Candidate> start =
      autotune::candidate_of(site.kernel, known_.records, options_.target);
  site.is_done = !start;
  if (!start) return;
  site.climb.emplace(std::move(*start), options_.target);
  const std::optional<autotune::Choice>& choice = choices_[site.choice];
  if (!choice) return;
  const double ratio = ratio_for(*choice, site.problem.m);
  site.climb->leave_out(known_to_be_no_better(known_, site.problem, conditions(site.problem), ratio));
}

// The site with the most time since the last call among the sites that are not done; null if there is none.
BackgroundTuner::Site* BackgroundTuner::busiest() {
  const std::vector<KernelSite> now = trials_.sites();
  Site* busiest = nullptr;
  for (size_t i = 0; i < sites_.size(); ++i) {
    Site& site = sites_[i];
    site.recent_seconds = now[i].seconds - site.seconds;
    site.seconds = now[i].seconds;
    if (!site.is_done && site.recent_seconds > (busiest ? busiest->recent_seconds : 0)) busiest = &site;
  }
  return busiest;
}

void BackgroundTuner::try_next(Site& site, const codegen::Jit& jit) {
  if (!site.climb) begin_climb(site);
  if (site.is_done) return;
  std::optional<kernels::Candidate> candidate = site.climb->next();
  if (!candidate) {
    site.is_done = true;
    return;
  }
  const Expected<codegen::CompiledKernel> code = jit.compile(candidate->kernel);
  if (!code || ending_ || !is_right(*code) || ending_) return;
  KernelVariants variants;
  for (const ir::Epilogue epilogue : site.epilogues) {
    ir::Kernel kernel = candidate->kernel;
    kernel.epilogue = epilogue;
    const Expected<codegen::CompiledKernel> variant =
        epilogue == ir::Epilogue::plain ? code : jit.compile(kernel);
    if (!variant) return;
    variants.push_back(*variant);
  }
  if (ending_ || !trials_.submit(std::move(variants))) return;
  const std::optional<FinishedTrial> finished = trials_.wait();
  if (!finished) return;
  if (finished->result.verdict == autotune::Verdict::undecided)
    site.climb->retry_later(std::move(*candidate));
  else
    learn(site, *candidate, finished->result);
}

bool BackgroundTuner::is_right(const codegen::CompiledKernel& kernel) {
  const ir::Problem& problem = kernel.kernel().problem;
  if (!check_ || !same_but_for_rows(problem, checked_)) check_.emplace(problem, check_threads_);
  checked_ = problem;
  if (ending_) return false;
  const autotune::Code code{kernel, {}};
  const bool right = check_->check_guarded({&code, 1})[0].empty();
  wrong_ += !right;
  return right;
}

void BackgroundTuner::learn(Site& site, const kernels::Candidate& candidate,
                            const autotune::LiveRaceResult& result) {
  const bool better = result.verdict == autotune::Verdict::faster;
  ++tried_;
  better_ += better;
  autotune::Database found{options_.provenance, {}, {}, {}};
  const std::string date = autotune::date_now();
  if (std::optional<autotune::Choice>& choice = choices_[site.choice]) {
    const double load = load_by_others(engine_threads_.max());
    found.records.push_back(record_of(candidate, result, ratio_for(*choice, site.problem.m),
                                      conditions(site.problem), load, date));
    if (better) {
      replace_kernel(*choice, candidate, result, date);
      found.choices.push_back(*choice);
    }
  }
  if (better) {
    site.ratio *= result.ratio.value;
    site.climb->move_to(candidate);
  }
  if (!keeps_ || found.records.empty()) return;
  const Status kept = autotune::append_to_database(options_.file, found);
  if (kept) return;
  keeps_ = false;
  problem_ = fmt::format("nothing more is kept: {}", kept.error().text());
}

std::string BackgroundTuner::summary() const {
  std::vector<std::string> gains;
  for (const Site& site : sites_) {
    if (site.ratio < 1)
      gains.push_back(
          fmt::format("{} m={}: {:.3f} of the time", shape_text(site.problem), site.problem.m, site.ratio));
  }
  std::string text = fmt::format("{} kernels tried, {} taken", tried_, better_);
  if (wrong_ > 0) text += fmt::format(", {} wrong and not tried", wrong_);
  if (!gains.empty()) text += fmt::format(": {}", fmt::join(gains, ", "));
  if (!problem_.empty()) text += fmt::format(" ({})", problem_);
  return text;
}

}  // namespace tern::runtime
