// Better kernels for a model that is running: another thread puts candidates in, and the engine tries them on
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
#include "runtime/graph/graph.h"

namespace tern::runtime {

struct TrialOptions {
  autotune::TrialRules rules;
  // A trial ends undecided after so many steps in a row that have no call for its number of rows.
  int patience = 32;
  // What a call is taken to have lasted, for tests; as long as it did without this.
  std::function<double(const ir::Kernel& kernel, double seconds)> time_of_call;
};

// Matrices that share a kernel: they pose one problem, whose m is the number of rows the kernel is made for.
struct KernelSite {
  ir::Kernel kernel;  // that was in use when the trials began
  size_t matrices = 0;
  double seconds = 0;  // that calls for just m rows have taken since then
  size_t calls = 0;    // and how many there were
};

struct FinishedTrial {
  autotune::TrialResult result;
  // Whose code is not called again: the candidate's or, if that was better, that of the kernel before. It
  // comes back so that the engine spends no time on freeing it.
  codegen::CompiledKernel retired;
};

// Between the engine and one thread that has candidates. The engine never waits for that thread: if they
// meet, it comes back a step later.
class KernelTrials {
 public:
  // The plan and what the graph names must outlive this.
  KernelTrials(Plan& plan, const Graph& graph, TrialOptions options);

  // For the thread that has candidates.

  std::vector<KernelSite> sites() const;
  // Hands over a candidate for the site of its problem. The engine begins with it at the start of a step, and
  // uses it for every other call of these matrices until it knows. Refused, with the reason: a candidate for
  // no site, with other layouts than the packed weights have, for more rows than there is memory for, that
  // needs preparations (nobody would run them) or does more than the product; and any while another is under
  // way, until wait() has told of it, and after close(). Precondition: it leaves the bits that
  // autotune::ExactCheck asks for.
  Status put(codegen::CompiledKernel candidate);
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

  // On each thread of a step: calls the function with the kernel whose turn it is, and takes the time.
  template <class Function>
  void call(const PlannedMatrix& matrix, int64_t rows, size_t thread, Function&& function) {
    const size_t place = places_.at(matrix.tensor);
    const codegen::CompiledKernel& kernel = kernel_for(place, matrix, rows);
    const Clock::time_point start = Clock::now();
    function(kernel);
    const std::chrono::duration<double> passed = Clock::now() - start;
    calls_[thread][place] = {rows, passed.count()};
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Site {
    ir::Kernel kernel;                  // in use at first
    std::vector<size_t> places;         // of its matrices
    std::vector<bool> candidate_first;  // in a trial, by place
    double seconds = 0;                 // of calls that other threads do not know of yet
    size_t calls = 0;
  };
  // Of one matrix on one thread in the present step.
  struct Call {
    int64_t rows = 0;  // 0: there was none
    double seconds = 0;
  };
  struct Trial {
    size_t site;
    codegen::CompiledKernel candidate;
    autotune::LiveTrial samples;
    int steps_without = 0;
  };

  void add_site(const PlannedKernel& planned, size_t place, bool candidate_first);
  const codegen::CompiledKernel& kernel_for(size_t place, const PlannedMatrix& matrix, int64_t rows) const;
  void exchange();
  void begin(codegen::CompiledKernel candidate);
  void finish();
  size_t site_for(const ir::Problem& problem) const;  // sites_.size() if there is none

  Plan& plan_;
  const TrialOptions options_;
  std::map<const Tensor*, size_t> places_;            // in the order of a step's calls
  std::vector<const Tensor*> tensors_;                // by place
  std::vector<std::map<int64_t, size_t>> own_sites_;  // by place: the site of each m
  std::vector<Site> sites_;

  // The engine's own.
  std::vector<std::vector<Call>> calls_;  // by thread and place
  std::optional<Trial> trial_;
  std::vector<size_t> places_in_trial_;    // by place: the index in the trial's site
  std::optional<FinishedTrial> finished_;  // and not given back yet

  // Both threads', under the mutex.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<KernelSite> shown_;
  std::optional<codegen::CompiledKernel> candidate_;  // that the engine has not begun with
  std::optional<FinishedTrial> result_;
  bool under_way_ = false;  // a candidate was put in, and its result was not fetched
  std::atomic<bool> closed_ = false;
};

}  // namespace tern::runtime
