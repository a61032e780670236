// Faster kernels for a model that is running: another thread submits candidates, and the engine times each
// against the kernel in use, on its own work, keeps the faster of the two and returns the other. Both compute
// the same bits.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "autotune/measure/live_race.h"
#include "base/expected.h"
#include "codegen/jit/compiled_kernel.h"
#include "runtime/execute/plan.h"

namespace tern::runtime {

struct TrialOptions {
  autotune::RaceRules rules = autotune::live_race_rules;
  // A trial ends undecided after `patience` steps in a row without a call of its kernels.
  int patience = 32;
  // For tests: replaces the measured seconds of a call. Empty: the measured seconds count.
  std::function<double(const ir::Kernel& kernel, double seconds)> time_of_call;
};

// The products that share one kernel: they pose the kernel's problem, and its m is the bucket's number of
// rows.
struct KernelSite {
  ir::Kernel kernel;                    // the one in use when the trials began, with the plain epilogue
  std::vector<ir::Epilogue> epilogues;  // of the products, each once: a kernel has to be there with every one
  size_t products = 0;                  // how many share it
  double seconds = 0;                   // sum over all calls for exactly m rows since the trials began
  size_t calls = 0;                     // number of these calls
};

// One kernel with each epilogue of a site, in the order of KernelSite::epilogues.
using KernelVariants = std::vector<codegen::CompiledKernel>;

struct FinishedTrial {
  autotune::LiveRaceResult result;
  // The loser: the candidate or, if that was faster, the kernels that it replaces. They are never called
  // again, and are returned so that the other thread frees their code, not the engine.
  KernelVariants retired;
};

// Connects the engine with one other thread, which submits candidates. The engine never waits for that
// thread: while it holds the mutex, the engine skips the exchange until its next step.
class KernelTrials {
 public:
  // The plan must outlive this.
  KernelTrials(Plan& plan, TrialOptions options);

  // ---- for the thread that submits ----

  std::vector<KernelSite> sites() const;
  // Submits a candidate for the site of its problem. The engine begins to use it at the start of a step, for
  // every other call of the site's products, until the trial is decided. Errors: no site has the candidate's
  // problem; its layouts are not those of the packed weights; it works on more rows at once than buffers
  // have; it needs preparations, which the trial would not run; its epilogues are not the site's; another
  // trial has not been returned by wait(); close() was called. Precondition: the candidate passes
  // autotune::ExactCheck.
  Status submit(KernelVariants candidate);
  // Waits until the trial is finished and returns it; nothing after close().
  std::optional<FinishedTrial> wait();
  // Waits for `time`, or until close(); false after close().
  bool pause(std::chrono::milliseconds time);

  // ---- for the thread that runs the engine ----

  // Ends the trial under way and all later ones; wait() and pause() return. Kernels that won stay in use.
  void close();
  // Called before and after each step, which runs on at most `threads` threads.
  void begin_step(size_t threads);
  void end_step();

  // ---- for all threads of a step; `product` is an index in the plan ----

  // The candidate if the product is to call it in this step, or null: it calls the kernel in use.
  const codegen::CompiledKernel* candidate_for(size_t product, int64_t rows) const;
  // Reports the seconds that a thread's part of the product took: once a step for each product and thread.
  void record(size_t product, int64_t rows, size_t thread, double seconds) {
    calls_[thread][product] = {rows, seconds};
  }

 private:
  struct Site {
    ir::Kernel kernel;  // see KernelSite
    std::vector<ir::Epilogue> epilogues;
    std::vector<size_t> products;
    std::vector<bool> candidate_first;  // by product: whether the candidate has the first of each two steps
    double seconds = 0;                 // of calls that are not added to shown_ yet
    size_t calls = 0;
  };
  // A call of one product on one thread in the present step.
  struct Call {
    int64_t rows = 0;  // 0: there was none
    double seconds = 0;
  };
  struct Trial {
    size_t site;
    KernelVariants candidate;
    autotune::LiveRace race;
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

  // Used by the engine's thread alone.
  std::vector<std::vector<Call>> calls_;  // by thread and product
  std::optional<Trial> trial_;
  std::vector<size_t> index_in_trial_;     // by product: the index in the trial's site
  std::optional<FinishedTrial> finished_;  // to be moved to result_ in the next exchange

  // Used by both threads, under the mutex.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<KernelSite> shown_;
  std::optional<KernelVariants> candidate_;  // submitted, and not begun by the engine yet
  std::optional<FinishedTrial> result_;
  bool under_way_ = false;  // from submit() until wait() has returned the result
  std::atomic<bool> closed_ = false;
};

}  // namespace tern::runtime
