// Runs a model's graph on batches of sequences.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "base/expected.h"
#include "base/thread_pool.h"
#include "runtime/execute/bind.h"
#include "runtime/execute/kernel_trials.h"
#include "runtime/execute/plan.h"
#include "runtime/execute/step_profile.h"
#include "runtime/execute/step_run.h"
#include "runtime/math/vector_ops.h"
#include "runtime/model/model.h"

namespace tern::runtime {

// A row of logits (or of numbers of the last norm) for each token whose logits were asked for, in the order
// of the tokens.
class Logits {
 public:
  Logits(const float* data, size_t rows, size_t size, size_t stride)
      : data_(data), rows_(rows), size_(size), stride_(stride) {}
  size_t rows() const { return rows_; }
  std::span<const float> operator[](size_t row) const { return {data_ + row * stride_, size_}; }

 private:
  const float* data_;
  size_t rows_, size_, stride_;
};

// The threads that run a step. Steps of few rows (kernels::is_decode) are bound by memory, which a few
// threads saturate; other steps are bound by arithmetic.
struct StepPools {
  ThreadPool& decode;
  ThreadPool& prefill;  // may be the same pool
};

// How often the threads wait for each other.
struct Meetings {
  int64_t layer = 0;  // in a layer
  int64_t step = 0;   // in a step
};

class Executor {
 public:
  // `ops` is the code for everything that is not a kernel of the plan. Model and plan must outlive the
  // executor, unmoved; so must the pools, until it gets others. Fails where there is not enough memory for
  // the activations.
  static Expected<std::unique_ptr<Executor>> make(const Model& model, const Plan& plan,
                                                  const StepPools& pools, const VectorOps& ops);

  // Runs on other threads from now on.
  void use(const StepPools& pools);
  // From now on `trials`, which must outlive the executor, says which kernel a product calls, and is told how
  // long each call took.
  void try_kernels(KernelTrials& trials) { trials_ = &trials; }

  // One step of a batch: runs the tokens of every sequence through the model and adds them to the sequences.
  // The logits are valid until the next step. Their bits depend on the tokens of the sequence alone, not on
  // the rest of the batch or on how the tokens were divided into steps. Fails, and adds nothing, where there
  // is not enough memory. Preconditions: at most plan.buckets().max() tokens in all, the plan was prepared
  // for the step, no sequence twice, room reserved in every sequence.
  Expected<Logits> step(std::span<const SequenceTokens> batch) { return step(batch, GraphPart::head); }
  // The same, but with rows of the last norm in the place of logits.
  Expected<Logits> embed(std::span<const SequenceTokens> batch) { return step(batch, GraphPart::normed); }

  // Times the steps from now on, on threads of the pools in use; null: no longer. The profile must outlive
  // its use.
  void profile(StepProfile* profile);

  // How often the threads meet in a step of one token.
  Expected<Meetings> meetings();

 private:
  // Threads with the barrier that they meet at. They run one executable at a time.
  struct Team {
    explicit Team(ThreadPool& threads) : pool(threads), barrier(threads.threads()) {}
    ThreadPool& pool;
    Barrier barrier;
  };
  using Key = std::tuple<GraphPart, int64_t, size_t>;  // part, bucket, threads

  Executor(const Model& model, const Plan& plan, const VectorOps& ops);
  Expected<Logits> step(std::span<const SequenceTokens> batch, GraphPart last);
  Team& team_for(int64_t rows);
  Expected<Executable*> executable_for(GraphPart part, int64_t rows);
  void list_rows(std::span<const SequenceTokens> batch);
  void prepare_attention(const Executable& executable, StepRun& run);

  const Model& model_;
  const Plan& plan_;
  const VectorOps ops_;
  std::unique_ptr<Team> decode_, prefill_;
  std::optional<StepMemory> memory_;
  std::map<Key, Executable> executables_;
  int64_t bound_version_ = 0;       // Plan::version() when executables_ were bound
  KernelTrials* trials_ = nullptr;  // null: none
  StepProfile* profile_ = nullptr;  // if steps are timed

  // Of the present step.
  std::vector<StepRow> rows_;
  std::vector<size_t> first_rows_, selected_;
  std::vector<float> partials_;
  std::vector<std::vector<float>> scratch_;  // by thread
};

}  // namespace tern::runtime
