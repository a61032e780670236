#include "runtime/execute/kernel_trials.h"

#include <fmt/format.h>

#include <algorithm>

#include "codegen/lower/lower.h"
#include "kernels/space.h"

namespace tern::runtime {
namespace {

// Whether a candidate can be called as the kernel is that it would take the place of.
Status fits(const codegen::CompiledKernel& candidate, const ir::Kernel& in_use, int64_t padded_rows) {
  const ir::Kernel& kernel = candidate.kernel();
  const auto refused = [&](std::string_view why) {
    return Error{fmt::format("kernel {} cannot take the place of {}: {}", kernel.name, in_use.name, why), {}};
  };
  if (!kernels::same_layouts(kernel, in_use)) return refused("the weights are packed in another layout");
  if (!codegen::preparations(kernel).empty()) return refused("other programs prepare what it reads");
  if (kernel.epilogue != ir::Epilogue::plain || kernel.quantizes_rows)
    return refused("it does more than the product");
  if (codegen::padded_rows(kernel) > padded_rows)
    return refused(fmt::format("it works on {} rows, and there is memory for {}",
                               codegen::padded_rows(kernel), padded_rows));
  return {};
}

}  // namespace

KernelTrials::KernelTrials(Plan& plan, const Graph& graph, TrialOptions options)
    : plan_(plan), options_(std::move(options)) {
  for (const std::vector<Step>* steps : {&graph.layers, &graph.head}) {
    for (const Step& step : *steps) {
      if (step.kind != StepKind::matmul) continue;
      const size_t place = own_sites_.size();
      places_.emplace(step.matrix, place);
      tensors_.push_back(step.matrix);
      own_sites_.emplace_back();
      for (const PlannedKernel& planned : plan.matrix(*step.matrix).set->kernels)
        add_site(planned, place, step.layer % 2 == 0);
    }
  }
  for (const Site& site : sites_) shown_.push_back({site.kernel, site.places.size(), 0, 0});
  places_in_trial_.resize(own_sites_.size());
}

size_t KernelTrials::site_for(const ir::Problem& problem) const {
  const auto found =
      std::ranges::find_if(sites_, [&](const Site& site) { return site.kernel.problem == problem; });
  return static_cast<size_t>(found - sites_.begin());
}

void KernelTrials::add_site(const PlannedKernel& planned, size_t place, bool candidate_first) {
  const ir::Kernel& kernel = *planned.kernel;
  const size_t index = site_for(kernel.problem);
  if (index == sites_.size()) sites_.push_back({kernel, {}, {}, 0, 0});
  sites_[index].places.push_back(place);
  sites_[index].candidate_first.push_back(candidate_first);
  own_sites_[place].emplace(planned.rows, index);
}

std::vector<KernelSite> KernelTrials::sites() const {
  const std::lock_guard lock(mutex_);
  return shown_;
}

Status KernelTrials::put(codegen::CompiledKernel candidate) {
  // What is read here of a site never changes.
  const ir::Problem& problem = candidate.kernel().problem;
  const size_t site = site_for(problem);
  if (site == sites_.size())
    return Error{fmt::format("no matrix poses the problem of kernel {}: m={} n={} k={}",
                             candidate.kernel().name, problem.m, problem.n, problem.k),
                 {}};
  if (const Status status = fits(candidate, sites_[site].kernel, plan_.padded_rows()); !status) return status;
  const std::lock_guard lock(mutex_);
  if (closed_) return Error{"the trials have ended", {}};
  if (under_way_) return Error{"another trial is under way", {}};
  candidate_ = std::move(candidate);
  under_way_ = true;
  return {};
}

std::optional<FinishedTrial> KernelTrials::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return result_ || closed_; });
  if (!result_) return std::nullopt;
  under_way_ = false;
  return std::exchange(result_, std::nullopt);
}

bool KernelTrials::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [&] { return closed_.load(); });
}

void KernelTrials::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (finished_) result_ = std::exchange(finished_, std::nullopt);
  }
  changed_.notify_all();
  trial_.reset();
}

void KernelTrials::begin_step(size_t threads) {
  exchange();
  calls_.resize(threads);
  for (std::vector<Call>& own : calls_) own.assign(own_sites_.size(), {});
}

// Says what is new to the other thread, and takes what it has put in, unless it is just doing the same.
void KernelTrials::exchange() {
  std::optional<codegen::CompiledKernel> next;
  {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock || closed_) return;
    for (size_t i = 0; i < sites_.size(); ++i) {
      shown_[i].seconds += std::exchange(sites_[i].seconds, 0);
      shown_[i].calls += std::exchange(sites_[i].calls, 0);
    }
    if (finished_) {
      result_ = std::exchange(finished_, std::nullopt);
      changed_.notify_all();
    }
    next = std::exchange(candidate_, std::nullopt);
  }
  if (next) begin(std::move(*next));
}

void KernelTrials::begin(codegen::CompiledKernel candidate) {
  const size_t index = site_for(candidate.kernel().problem);
  const Site& site = sites_[index];
  for (size_t i = 0; i < site.places.size(); ++i) places_in_trial_[site.places[i]] = i;
  trial_.emplace(
      Trial{index, std::move(candidate), autotune::LiveTrial(site.candidate_first, options_.rules), 0});
}

const codegen::CompiledKernel& KernelTrials::kernel_for(size_t place, const PlannedMatrix& matrix,
                                                        int64_t rows) const {
  if (trial_) {
    const auto own = own_sites_[place].find(rows);
    if (own != own_sites_[place].end() && own->second == trial_->site &&
        trial_->samples.candidate_has(places_in_trial_[place]))
      return trial_->candidate;
  }
  return *matrix.kernel_for(rows).code;
}

void KernelTrials::end_step() {
  if (closed_) return;
  bool took_part = false;
  for (size_t place = 0; place < own_sites_.size(); ++place) {
    const int64_t rows = calls_[0][place].rows;
    const auto own = own_sites_[place].find(rows);
    if (own == own_sites_[place].end()) continue;
    // The others wait for the last.
    double seconds = 0;
    for (const std::vector<Call>& thread : calls_) seconds = std::max(seconds, thread[place].seconds);
    Site& site = sites_[own->second];
    site.seconds += seconds;
    ++site.calls;
    if (!trial_ || trial_->site != own->second) continue;
    const size_t index = places_in_trial_[place];
    if (options_.time_of_call) {
      const bool candidate = trial_->samples.candidate_has(index);
      const ir::Kernel& in_use = plan_.matrix(*tensors_[place]).kernel_for(rows).code->kernel();
      seconds = options_.time_of_call(candidate ? trial_->candidate.kernel() : in_use, seconds);
    }
    trial_->samples.add(index, seconds);
    took_part = true;
  }
  if (!trial_) return;
  trial_->steps_without = took_part ? 0 : trial_->steps_without + 1;
  if (trial_->samples.look() != autotune::Verdict::undecided || trial_->steps_without >= options_.patience)
    finish();
}

void KernelTrials::finish() {
  FinishedTrial finished{trial_->samples.result(), std::move(trial_->candidate)};
  if (finished.result.verdict == autotune::Verdict::better)
    finished.retired = plan_.replace(finished.retired);
  finished_ = std::move(finished);
  trial_.reset();
}

}  // namespace tern::runtime
