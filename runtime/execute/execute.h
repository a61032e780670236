// Runs a graph on batches of sequences.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/expected.h"
#include "base/thread_pool.h"
#include "ir/program/program.h"
#include "runtime/execute/kernel_trials.h"
#include "runtime/execute/plan.h"
#include "runtime/graph/graph.h"
#include "runtime/math/rope.h"
#include "runtime/model/model.h"
#include "runtime/sequence/sequence.h"

namespace tern::runtime {

// The next tokens of one sequence. They follow those that it has.
struct SequenceTokens {
  Sequence* sequence = nullptr;
  std::span<const uint32_t> tokens;  // not empty; ids below the vocabulary's size
  bool all_logits = false;           // of every token, not of the last alone
};

// Logits by row: one row for each token whose logits were asked for, in order.
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

// The threads that run a step. Decoding (kernels::is_decode) waits for memory, which a few threads can keep
// busy; more rows take all there are.
struct StepPools {
  ThreadPool& decode;
  ThreadPool& prefill;  // may be the same
};

class Executor {
 public:
  // Model and plan must outlive the executor, unmoved; so must the pools, until it gets others. Fails where
  // there is not enough memory for the activations.
  static Expected<std::unique_ptr<Executor>> make(const Model& model, const Plan& plan,
                                                  const StepPools& pools);

  // Runs on other threads from now on.
  void use(const StepPools& pools);
  // Lets the trials, which must outlive this, say which kernel is called, and tells them how long it took.
  void try_kernels(KernelTrials& trials) { trials_ = &trials; }

  // One step of a batch: runs the tokens of every sequence through the model and adds them to the caches. The
  // logits are valid until the next step. Same tokens and caches: same bits, whatever else is in the batch
  // and however the tokens are divided into steps.
  // Preconditions: at most plan.buckets().max() tokens in all, the plan was prepared for the step, no cache
  // twice, room in every cache.
  Logits step(std::span<const SequenceTokens> batch);

 private:
  // Look-up tables of a quantised value, for all matrices that read them.
  struct Tables {
    ir::TableShape shape;
    Memory low, high;                           // T and H
    std::vector<const PlannedMatrix*> readers;  // with some of their kernels
  };
  struct Buffer {
    Memory data;                     // f32 or i8
    Memory scales, sums;             // of quantised rows
    std::vector<Prepared> prepared;  // in the order in which they run
    int64_t stride = 0;              // elements
  };
  struct Row {
    uint32_t token;
    size_t sequence;
    size_t position;
  };

  // The threads of one region at a time.
  struct Team {
    explicit Team(ThreadPool& threads) : pool(threads), barrier(threads.threads()) {}
    ThreadPool& pool;
    Barrier barrier;
  };

  Executor(const Model& model, const Plan& plan);
  Status allocate();
  Status allocate_tables(const std::vector<Step>& steps);
  Team& team_for(size_t rows) { return rows <= static_cast<size_t>(most_decode_rows) ? *decode_ : *prefill_; }
  void place_rows(std::span<const SequenceTokens> batch);
  void prepare_attention(size_t longest);
  void run(const std::vector<Step>& steps, const std::vector<size_t>& groups, int64_t rows);
  void run_step(const Step& step, int64_t rows, size_t thread);
  void by_rows(const Step& step, int64_t rows, size_t thread);
  void build_tables(Buffer& value, int64_t index, int64_t rows);
  void multiply(const Step& step, int64_t rows, size_t thread);
  void call(const codegen::CompiledKernel& kernel, const Step& step, int64_t rows, size_t thread);
  void store_heads(const Step& step, size_t thread);
  void attend(const Step& step, size_t thread);
  void join_blocks(const Step& step, size_t thread);
  float* partials(size_t index, size_t head, size_t block);
  void gather_hidden(std::span<const SequenceTokens> batch);
  float* row(int value, int64_t index) {
    return buffers_[value].data.as<float>().data() + index * buffers_[value].stride;
  }

  const Model& model_;
  const Plan& plan_;
  Graph graph_;
  std::vector<size_t> layer_groups_, head_groups_;
  std::vector<Buffer> buffers_;
  RopeAngles angles_;
  std::vector<float> cosines_, sines_;  // [row][pair]
  std::vector<Row> rows_;
  std::span<const SequenceTokens> batch_;
  std::vector<size_t> first_rows_;           // of each sequence
  std::vector<std::vector<float>> scratch_;  // for attention, by thread
  // Whether the blocks of positions of one row's attention are shared out; then their partial results meet in
  // partials_, [row][head][block] with room for partial_blocks_ blocks.
  bool attention_by_block_ = false;
  size_t partial_blocks_ = 0;
  std::vector<float> partials_;
  std::unique_ptr<Team> decode_, prefill_;
  Team* team_ = nullptr;            // that runs the present region
  size_t threads_ = 1;              // of the present region
  KernelTrials* trials_ = nullptr;  // if there are any
};

}  // namespace tern::runtime
