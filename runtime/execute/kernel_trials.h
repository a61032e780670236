// Faster kernels for a model that is running: another thread submits candidates, and the engine tries them on
// its own work, keeps those that are faster, and gives the others back. Any kernel computes the same bits, so
// only a clock can tell.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "autotune/measure/live_trial.h"
#include "base/expected.h"
#include "codegen/jit/compiled_kernel.h"
#include "runtime/execute/plan.h"

namespace tern::runtime {

struct TrialOptions {
  autotune::TrialRules rules;
  // A trial ends undecided after so many steps in a row that have no call for its number of rows.
  int patience = 32;
  // What a call is taken to have lasted, for tests; as long as it did without this.
  std::function<double(const ir::Kernel& kernel, double seconds)> time_of_call;
};

// Products that share a kernel: they pose one problem, whose m is the number of rows the kernel is made for.
struct KernelSite {
  ir::Kernel kernel;                    // that was in use when the trials began, without an epilogue
  std::vector<ir::Epilogue> epilogues;  // of the products: each is a kernel of its own
  size_t products = 0;
  double seconds = 0;  // that calls for just m rows have taken since then
  size_t calls = 0;    // and how many there were
};

// Kernels that are one but for their epilogues, in the order of KernelSite::epilogues.
using KernelVariants = std::vector<codegen::CompiledKernel>;

struct FinishedTrial {
  autotune::TrialResult result;
  // Whose code is not called again: the candidate's or, if that was better, that of the kernels before. It
  // comes back so that the engine spends no time on freeing it.
  KernelVariants retired;
};

// Between the engine and one thread that has candidates. The engine never waits for that thread: if they
// meet, it comes back a step later.
class KernelTrials {
 public:
  // The plan must outlive this.
  KernelTrials(Plan& plan, TrialOptions options);

  // For the thread that has candidates.

  std::vector<KernelSite> sites() const;
  // Hands over a candidate for the site of its problem, with every epilogue that the site has. The engine
  // begins with it at the start of a step, and uses it for every other call of these products until it knows.
  // Refused, with the reason: a candidate for no site, with other layouts than the packed weights have, for
  // more rows than there is memory for, that needs preparations (nobody would run them) or has other
  // epilogues than the site; and any while another is under way, until wait() has told of it, and after
  // close(). Precondition: it leaves the bits that autotune::ExactCheck asks for.
  Status submit(KernelVariants candidate);
  // Waits until the trial is finished; nothing if it never will be, after close().
  std::optional<FinishedTrial> wait();
  // Waits for a while; false after close().
  bool pause(std::chrono::milliseconds time);

  // For the thread that runs the engine.

  // No trial any more: who waits goes on, and kernels that were kept stay.
  void close();
  // Around each step, for so many threads at most.
  void begin_step(size_t threads);
  void end_step();

  // Inside a step, from any thread of it. `product` is an index in the plan.

  // The candidate, if it is its turn to compute the product; null if it is that of the kernel in use. It
  // stays the same during a step.
  const codegen::CompiledKernel* candidate_for(size_t product, int64_t rows) const;
  // How long the thread's part of the product took. Each thread says so once a step, for every product.
  void record(size_t product, int64_t rows, size_t thread, double seconds) {
    calls_[thread][product] = {rows, seconds};
  }

 private:
  struct Site {
    ir::Kernel kernel;                    // in use at first
    std::vector<ir::Epilogue> epilogues;  // of its products
    std::vector<size_t> products;
    std::vector<bool> candidate_first;  // in a trial, by product
    double seconds = 0;                 // of calls that other threads do not know of yet
    size_t calls = 0;
  };
  // Of one product on one thread in the present step.
  struct Call {
    int64_t rows = 0;  // 0: there was none
    double seconds = 0;
  };
  struct Trial {
    size_t site;
    KernelVariants candidate;
    autotune::LiveTrial samples;
    int steps_without = 0;
  };

  void add_site(const PlannedKernel& planned, size_t product, bool candidate_first);
  Status fits(const KernelVariants& candidate, const Site& site) const;
  void exchange();
  void begin(KernelVariants candidate);
  void finish();
  size_t site_for(const ir::Problem& problem) const;  // sites_.size() if there is none

  Plan& plan_;
  const TrialOptions options_;
  std::vector<std::map<int64_t, size_t>> own_sites_;  // by product: the site of each m
  std::vector<Site> sites_;

  // The engine's own.
  std::vector<std::vector<Call>> calls_;  // by thread and product
  std::optional<Trial> trial_;
  std::vector<size_t> index_in_trial_;     // by product: the index in the trial's site
  std::optional<FinishedTrial> finished_;  // and not given back yet

  // Both threads', under the mutex.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<KernelSite> shown_;
  std::optional<KernelVariants> candidate_;  // that the engine has not begun with
  std::optional<FinishedTrial> result_;
  bool under_way_ = false;  // a candidate was put in, and its result was not fetched
  std::atomic<bool> closed_ = false;
};

}  // namespace tern::runtime
