// Better kernels for a model while it runs.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "autotune/measure/exact_check.h"
#include "autotune/records/live_record.h"
#include "autotune/search/hill_climb.h"
#include "codegen/jit/jit.h"
#include "runtime/execute/engine.h"

namespace tern::runtime {

struct BackgroundOptions {
  targets::Target target;           // whose code the engine runs
  autotune::Provenance provenance;  // of this machine
  std::filesystem::path file;       // of records
  int threads = 1;                  // the number for which the engine's kernels were looked up in `file`
  std::vector<int> processors;      // that this process may use
};

// A thread of the lowest priority that submits candidates for the kernels with the largest share of the time
// (runtime/execute/kernel_trials.h). Each kernel that wins is recorded in the file at once. The thread ends
// when no candidate is left, or at end().
class BackgroundTuner {
 public:
  // Begins. The engine must outlive this, unmoved. Precondition: Engine::try_kernels was not called.
  BackgroundTuner(Engine& engine, BackgroundOptions options);
  ~BackgroundTuner() { end(); }

  // Ends the thread, after the compilation or the check that it is doing. Says how many candidates were
  // tried, and which kernels are faster by how much. Called on the thread that runs the engine.
  std::string end();

 private:
  // A KernelSite and the search for a better kernel for it.
  struct Site {
    ir::Problem problem;
    std::vector<ir::Epilogue> epilogues;
    std::optional<autotune::HillClimb> climb;
    bool is_done = false;  // nothing is left to try, or the kernel in use is no known candidate
    ir::Kernel kernel;     // the one in use at the beginning
    size_t choice = 0;
    double seconds = 0;         // of all calls
    double recent_seconds = 0;  // of the calls since the last candidate was chosen
    double ratio = 1;           // time of the present kernel / time of `kernel`
  };

  void run();
  void find_sites();
  void begin_climb(Site& site) const;
  autotune::Conditions conditions(const ir::Problem& problem) const;
  Site* busiest();
  void try_next(Site& site, const codegen::Jit& jit);
  bool is_right(const codegen::CompiledKernel& kernel);
  void learn(Site& site, const kernels::Candidate& candidate, const autotune::LiveRaceResult& result);
  std::string summary() const;

  const BackgroundOptions options_;
  const EngineThreads engine_threads_;
  KernelTrials& trials_;
  autotune::Database known_;  // when it began
  std::vector<Site> sites_;
  std::vector<std::optional<autotune::Choice>>
      choices_;                                // by shape; empty if a kernel in use is no known candidate
  ThreadPool check_threads_;                   // one thread: this one
  std::optional<autotune::ExactCheck> check_;  // for the problem checked_
  ir::Problem checked_;
  size_t tried_ = 0, wrong_ = 0, better_ = 0;
  bool keeps_ = true;    // whether results are written to the file
  std::string problem_;  // the error that ended the thread or the writing
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace tern::runtime
