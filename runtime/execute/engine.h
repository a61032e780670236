// A model that is ready to run: its weights are loaded and packed, and it has kernels and threads.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "runtime/execute/bandwidth.h"
#include "runtime/execute/execute.h"
#include "runtime/execute/kernel_source.h"
#include "runtime/execute/kernel_trials.h"
#include "runtime/execute/plan.h"
#include "runtime/model/model.h"
#include "runtime/text/tokenizer.h"

namespace tern::runtime {

// How many threads run a model, and where. No number of them changes a bit of what is computed.
struct EngineThreads {
  // As many for decoding as for prompts, on processors that the system chooses.
  EngineThreads(size_t threads = 1) : decode(threads), prefill(threads) {}
  EngineThreads(size_t to_decode, size_t to_prefill, std::vector<int> on)
      : decode(to_decode), prefill(to_prefill), processors(std::move(on)) {}
  size_t max() const { return std::max(decode, prefill); }
  bool operator==(const EngineThreads&) const = default;

  size_t decode;                // threads of steps of few rows (kernels::is_decode)
  size_t prefill;               // threads of all other steps
  std::vector<int> processors;  // thread i runs on processors[i] alone; empty: the system moves threads
};

// Which model to load, and how.
struct ModelOptions {
  std::string model;  // path of a GGUF file
  // Numbers of rows (tokens of a step) that kernels are chosen for; a longer prompt takes several steps.
  kernels::RowBuckets buckets = kernels::RowBuckets::up_to(kernels::default_max_rows);
  CacheElement kv_element = CacheElement::f16;
  size_t page_positions = 64;         // tokens whose keys and values a page holds: a multiple of 32
  std::optional<I2sOrder> i2s_order;  // see LoadOptions
  std::string tile_sizes;             // likewise
  bool exact_head = false;            // likewise
  Activations activations = Activations::as_trained;  // likewise
  std::string pre_tokenizer;  // overrides the pre-tokenizer that the file names; empty: does not
};

struct EngineOptions : ModelOptions {
  KernelSource kernels;  // this machine must be able to run its target
  EngineThreads threads;
  // As in PlanOptions.
  MemorySupply supply;
  std::filesystem::path page_folder = default_page_folder();
  std::function<void(const std::string& text)> warn;
};

// How long the parts of loading took, in seconds.
struct LoadTimes {
  double file = 0;  // mapping and checking the file's structure
  double tokenizer = 0;
  double plan = 0;  // checking and packing weights, getting kernels
};

class Engine {
 public:
  static Expected<std::unique_ptr<Engine>> load(const EngineOptions& options);

  const Model& model() const { return model_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const Plan& plan() const { return *plan_; }
  const targets::Target& target() const { return target_; }
  const LoadTimes& load_times() const { return load_times_; }
  const EngineThreads& threads() const { return threads_; }

  // Pages for keys and values of `positions` positions, which any number of sequences may share.
  Expected<std::shared_ptr<PagePool>> make_pool(size_t positions) const;
  // An empty sequence of up to `capacity` tokens, with a pool of its own that has pages for all of them.
  Expected<Sequence> make_sequence(size_t capacity) const;

  // Runs on other threads from now on. Errors: those of ThreadPool::make; the engine then runs on one thread.
  Status set_threads(const EngineThreads& threads);

  // What read_bandwidth reads: weights of the model, if there are enough of them. It must not outlive the
  // engine. Fails where there is not enough memory.
  Expected<BandwidthProbe> bandwidth_probe();
  // Bytes a second that the threads for prompts read, in one walk.
  double read_bandwidth(const BandwidthProbe& probe);

  // Appends tokens to a sequence in steps of at most `rows` tokens (0: buckets().max()), and gives the logits
  // after the last one, valid until the next step. Fails, and runs no token, where Sequence::reserve does.
  // Preconditions: at least one token, ids below the vocabulary's size.
  Expected<Logits> append(Sequence& sequence, std::span<const uint32_t> tokens, size_t rows = 0);

  // One step of a batch: see Executor::step. Fails, and runs no token, where Sequence::reserve does.
  Expected<Logits> step(std::span<const SequenceTokens> batch);

  // The same as step, but the rows of the last norm in the place of logits: what embeddings are made of.
  Expected<Logits> embed(std::span<const SequenceTokens> batch);

  // How often the threads wait for each other to decode one token.
  Expected<Meetings> meetings() { return executor_->meetings(); }

  // Times the steps from now on; see Executor::profile.
  void profile(StepProfile* profile) { executor_->profile(profile); }

  // From now on another thread may submit better kernels to the result, which the engine owns and destroys
  // with itself. No token and no logit changes. Precondition: not called before.
  KernelTrials& try_kernels(TrialOptions options = {});

 private:
  explicit Engine(Model model) : model_(std::move(model)) {}
  Status make_pools(const EngineThreads& threads);
  void prepare(std::span<const SequenceTokens> batch);
  StepPools pools() const { return {decode_pool_ ? *decode_pool_ : *pool_, *pool_}; }

  Model model_;
  std::optional<Tokenizer> tokenizer_;
  targets::Target target_;
  EngineThreads threads_;
  // decode_pool_ is there if decoding has another number of threads. A pool gives the caller's processors
  // back when it is destroyed, so decode_pool_, which was made last, is destroyed first.
  std::unique_ptr<ThreadPool> pool_, decode_pool_;
  std::optional<Plan> plan_;
  std::unique_ptr<KernelTrials> trials_;
  std::unique_ptr<Executor> executor_;
  CacheElement kv_element_ = CacheElement::f16;
  size_t page_positions_ = 0;
  LoadTimes load_times_;
};

}  // namespace tern::runtime
