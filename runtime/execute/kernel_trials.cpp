#include "runtime/execute/kernel_trials.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "codegen/lower/lower.h"
#include "kernels/space.h"
#include "runtime/graph/passes.h"

namespace tern::runtime {

KernelTrials::KernelTrials(Plan& plan, TrialOptions options) : plan_(plan), options_(std::move(options)) {
  const std::span<const PlannedProduct> products = plan.products();
  own_sites_.resize(products.size());
  index_in_trial_.resize(products.size());
  for (size_t product = 0; product < products.size(); ++product) {
    if (products[product].product.experts > 0) continue;  // a step calls kernels of several numbers of rows
    for (const PlannedKernel& planned : products[product].set->kernels)
      add_site(planned, product, products[product].product.layer % 2 == 0);
  }
  for (const Site& site : sites_) shown_.push_back({site.kernel, site.epilogues, site.products.size(), 0, 0});
}

// Whether a candidate can be called in the place of the site's kernels.
Status KernelTrials::fits(const KernelVariants& candidate, const Site& site) const {
  const ir::Kernel& first = candidate[0].kernel();
  const auto refused = [&](std::string_view why) {
    return Error{fmt::format("kernel {} cannot take the place of {}: {}", first.name, site.kernel.name, why),
                 {}};
  };
  for (size_t i = 0; i < candidate.size(); ++i) {
    ir::Kernel kernel = candidate[i].kernel();
    if (i >= site.epilogues.size() || kernel.epilogue != site.epilogues[i] || kernel.quantizes_rows)
      return refused("its products end in another way");
    kernel.epilogue = first.epilogue;
    if (hash(kernel) != hash(first)) return refused("it is not one kernel with several epilogues");
  }
  if (candidate.size() < site.epilogues.size()) return refused("some of its products end in another way");
  if (!kernels::same_layouts(first, site.kernel)) return refused("the weights are packed in another layout");
  if (!codegen::preparations(first).empty()) return refused("other programs prepare what it reads");
  // Buckets of up to max_rows_by_each rows may use memory that each thread has for itself, which has fewer
  // rows.
  const int64_t room =
      first.problem.m <= max_rows_by_each ? plan_.padded_rows_for(max_rows_by_each) : plan_.padded_rows();
  if (codegen::padded_rows(first) > room)
    return refused(
        fmt::format("it works on {} rows, and there is memory for {}", codegen::padded_rows(first), room));
  return {};
}

size_t KernelTrials::site_for(const ir::Problem& problem) const {
  const auto found =
      std::ranges::find_if(sites_, [&](const Site& site) { return site.kernel.problem == problem; });
  return static_cast<size_t>(found - sites_.begin());
}

void KernelTrials::add_site(const PlannedKernel& planned, size_t product, bool candidate_first) {
  ir::Kernel kernel = *planned.kernel;
  const ir::Epilogue epilogue = std::exchange(kernel.epilogue, ir::Epilogue::plain);
  const size_t index = site_for(kernel.problem);
  if (index == sites_.size()) sites_.push_back({kernel, {}, {}, {}, 0, 0});
  Site& site = sites_[index];
  if (std::ranges::find(site.epilogues, epilogue) == site.epilogues.end()) site.epilogues.push_back(epilogue);
  site.products.push_back(product);
  site.candidate_first.push_back(candidate_first);
  own_sites_[product].emplace(planned.rows, index);
}

std::vector<KernelSite> KernelTrials::sites() const {
  const std::lock_guard lock(mutex_);
  return shown_;
}

Status KernelTrials::submit(KernelVariants candidate) {
  assert(!candidate.empty());
  // No lock: of the sites only fields are read that never change.
  const ir::Problem& problem = candidate[0].kernel().problem;
  const size_t site = site_for(problem);
  if (site == sites_.size())
    return Error{fmt::format("no matrix poses the problem of kernel {}: m={} n={} k={}",
                             candidate[0].kernel().name, problem.m, problem.n, problem.k),
                 {}};
  TERN_TRY(fits(candidate, sites_[site]));
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

// Publishes the sites' times and a finished trial, and begins with a submitted candidate. Does nothing while
// the other thread holds the mutex.
void KernelTrials::exchange() {
  std::optional<KernelVariants> next;
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

void KernelTrials::begin(KernelVariants candidate) {
  const size_t index = site_for(candidate[0].kernel().problem);
  const Site& site = sites_[index];
  for (size_t i = 0; i < site.products.size(); ++i) index_in_trial_[site.products[i]] = i;
  trial_.emplace(
      Trial{index, std::move(candidate), autotune::LiveRace(site.candidate_first, options_.rules), 0});
}

const codegen::CompiledKernel* KernelTrials::candidate_for(size_t product, int64_t rows) const {
  if (!trial_) return nullptr;
  const auto own = own_sites_[product].find(rows);
  if (own == own_sites_[product].end() || own->second != trial_->site ||
      !trial_->race.candidate_has(index_in_trial_[product]))
    return nullptr;
  const auto variant =
      std::ranges::find(sites_[trial_->site].epilogues, plan_.products()[product].product.epilogue);
  return &trial_->candidate[static_cast<size_t>(variant - sites_[trial_->site].epilogues.begin())];
}

void KernelTrials::end_step() {
  if (closed_) return;
  bool took_part = false;
  for (size_t product = 0; product < own_sites_.size(); ++product) {
    const int64_t rows = calls_[0][product].rows;
    const auto own = own_sites_[product].find(rows);
    if (own == own_sites_[product].end()) continue;
    // A product has lasted as long as its slowest thread.
    double seconds = 0;
    for (const std::vector<Call>& thread : calls_) seconds = std::max(seconds, thread[product].seconds);
    Site& site = sites_[own->second];
    site.seconds += seconds;
    ++site.calls;
    if (!trial_ || trial_->site != own->second) continue;
    const size_t index = index_in_trial_[product];
    if (options_.time_of_call) {
      const codegen::CompiledKernel* candidate = candidate_for(product, rows);
      const PlannedKernel& in_use = plan_.products()[product].kernel_for(rows);
      seconds = options_.time_of_call(candidate ? candidate->kernel() : in_use.code->kernel(), seconds);
    }
    trial_->race.add(index, seconds);
    took_part = true;
  }
  if (!trial_) return;
  trial_->steps_without = took_part ? 0 : trial_->steps_without + 1;
  if (trial_->race.verdict() != autotune::Verdict::undecided || trial_->steps_without >= options_.patience)
    finish();
}

void KernelTrials::finish() {
  FinishedTrial finished{trial_->race.result(), std::move(trial_->candidate)};
  if (finished.result.verdict == autotune::Verdict::faster)
    finished.retired = plan_.replace(finished.retired);
  finished_ = std::move(finished);
  trial_.reset();
}

}  // namespace tern::runtime
