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
  int threads = 1;                  // for which kernels were looked up there
  std::vector<int> processors;      // that this process may use
};

// A thread of the lowest priority that makes candidates for the kernels which take the most time, and has the
// engine try them (runtime/execute/kernel_trials.h). What it finds goes into the file at once. It ends when
// there is nothing left to try, or in the middle of it when told to.
class BackgroundTuner {
 public:
  // Begins. The engine must outlive this, unmoved, and have no trials yet.
  BackgroundTuner(Engine& engine, BackgroundOptions options);
  ~BackgroundTuner() { end(); }

  // Ends it, on the thread that runs the engine: waits for the compilation or the check under way. Says what
  // was tried, and what is better by how much.
  std::string end();

 private:
  // The matrices that share a kernel.
  struct Site {
    ir::Problem problem;
    std::vector<ir::Epilogue> epilogues;
    std::optional<autotune::HillClimb> climb;
    bool is_done = false;  // nothing is left to try, or the kernel in use is no known candidate
    ir::Kernel kernel;     // in use at the beginning
    size_t choice = 0;
    double seconds = 0, recent_seconds = 0;  // that calls took in all, and since a candidate was last chosen
    double ratio = 1;                        // of the time, to the beginning
  };

  void run();
  void find_sites();
  void begin_climb(Site& site) const;
  autotune::Conditions conditions(const ir::Problem& problem) const;
  Site* busiest();
  void try_next(Site& site, const codegen::Jit& jit);
  bool is_right(const codegen::CompiledKernel& kernel);
  void learn(Site& site, const kernels::Candidate& candidate, const autotune::TrialResult& result);
  std::string summary() const;

  const BackgroundOptions options_;
  const EngineThreads engine_threads_;
  KernelTrials& trials_;
  autotune::Database known_;  // when it began
  std::vector<Site> sites_;
  std::vector<std::optional<autotune::Choice>> choices_;  // by shape; nothing where they cannot be told
  ThreadPool check_threads_;                              // the tuner's own alone
  std::optional<autotune::ExactCheck> check_;             // of the last shape
  ir::Problem checked_;
  size_t tried_ = 0, wrong_ = 0, better_ = 0;
  bool keeps_ = true;    // what is found, in the file
  std::string problem_;  // that ended it, or that keeps it from keeping
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace tern::runtime
