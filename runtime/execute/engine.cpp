#include "runtime/execute/engine.h"

#include <cassert>
#include <chrono>

#include "runtime/math/vector_ops.h"

namespace tern::runtime {
namespace {

// Seconds since the last call.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> passed = now - last_;
    last_ = now;
    return passed.count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

Expected<std::unique_ptr<Engine>> Engine::load(const EngineOptions& options) {
  Stopwatch watch;
  // Values are checked by the plan, in parallel.
  TERN_ASSIGN(Model model, load_model(options.model, {.i2s_order = options.i2s_order,
                                                      .tile_sizes = options.tile_sizes,
                                                      .exact_head = options.exact_head,
                                                      .activations = options.activations,
                                                      .check_values = false}));
  std::unique_ptr<Engine> engine(new Engine(std::move(model)));
  engine->target_ = options.kernels.target;
  engine->kv_element_ = options.kv_element;
  engine->page_positions_ = options.page_positions;
  engine->load_times_.file = watch.lap();

  Expected<Tokenizer> tokenizer = Tokenizer::make(engine->model_.vocabulary, options.pre_tokenizer);
  if (!tokenizer) return Error{tokenizer.error().message, {options.model, 0, 0}, tokenizer.error().kind};
  engine->tokenizer_.emplace(tokenizer.take());
  engine->load_times_.tokenizer = watch.lap();

  TERN_TRY(engine->make_pools(options.threads));
  PlanOptions plan_options;
  plan_options.buckets = options.buckets;
  plan_options.supply = options.supply;
  plan_options.page_folder = options.page_folder;
  plan_options.warn = options.warn;
  TERN_ASSIGN(Plan plan, Plan::make(engine->model_, options.kernels, *engine->pool_, plan_options));
  engine->plan_.emplace(std::move(plan));
  TERN_ASSIGN(std::unique_ptr<Executor> executor,
              Executor::make(engine->model_, *engine->plan_, engine->pools(),
                             vector_ops(vector_level_of(engine->target_))));
  engine->executor_ = std::move(executor);
  engine->load_times_.plan = watch.lap();
  return engine;
}

Expected<std::shared_ptr<PagePool>> Engine::make_pool(size_t positions) const {
  const Hyperparameters& model = model_.hyperparameters;
  // Layers with a recurrent state have no pages; a pool has pages of at least one layer.
  const size_t layers = std::max<size_t>(model.memory_index(model.block_count), 1);
  const PageShape shape{layers, model.head_count_kv, model.head_dimension, page_positions_, kv_element_};
  return PagePool::make(shape, positions / page_positions_ + (positions % page_positions_ != 0),
                        model.state_size());
}

Expected<Sequence> Engine::make_sequence(size_t capacity) const {
  TERN_ASSIGN(std::shared_ptr<PagePool> pool, make_pool(capacity));
  return Sequence(std::move(pool), capacity);
}

Status Engine::make_pools(const EngineThreads& threads) {
  // New threads inherit the caller's processors: the old pools, whose threads may be bound, first give these
  // back.
  decode_pool_.reset();
  pool_.reset();
  TERN_ASSIGN(std::unique_ptr<ThreadPool> pool, ThreadPool::make(threads.prefill, threads.processors));
  pool_ = std::move(pool);
  if (threads.decode != threads.prefill) {
    TERN_ASSIGN(std::unique_ptr<ThreadPool> own, ThreadPool::make(threads.decode, threads.processors));
    decode_pool_ = std::move(own);
  }
  threads_ = threads;
  return {};
}

Status Engine::set_threads(const EngineThreads& threads) {
  if (threads == threads_) return {};
  const Status status = make_pools(threads);
  if (!status) {
    [[maybe_unused]] const Status alone = make_pools(1);
    assert(alone && "one thread, the caller, is always to be had");
  }
  executor_->use(pools());
  return status;
}

Expected<BandwidthProbe> Engine::bandwidth_probe() {
  return BandwidthProbe::make(*pool_, plan_->packed_memory());
}

double Engine::read_bandwidth(const BandwidthProbe& probe) {
  return probe.walk(*pool_, vector_level_of(target_));
}

Expected<Logits> Engine::append(Sequence& sequence, std::span<const uint32_t> tokens, size_t rows) {
  TERN_TRY(sequence.reserve(tokens.size()));
  const auto max_rows = static_cast<size_t>(plan_->buckets().max());
  rows = rows == 0 ? max_rows : std::min(rows, max_rows);
  while (tokens.size() > rows) {
    const SequenceTokens part{&sequence, tokens.first(rows), false};
    TERN_TRY(step({&part, 1}));
    tokens = tokens.subspan(rows);
  }
  const SequenceTokens last{&sequence, tokens, false};
  return step({&last, 1});
}

// Compiles what a step of these rows needs for the first time, on all threads.
void Engine::prepare(std::span<const SequenceTokens> batch) {
  StepRows rows{0, 0};
  for (const SequenceTokens& part : batch) {
    rows.layers += static_cast<int64_t>(part.tokens.size());
    rows.head += part.all_logits ? static_cast<int64_t>(part.tokens.size()) : 1;
  }
  plan_->prepare(rows, *pool_);
}

Expected<Logits> Engine::step(std::span<const SequenceTokens> batch) {
  for (const SequenceTokens& part : batch) TERN_TRY(part.sequence->reserve(part.tokens.size()));
  prepare(batch);
  if (!trials_) return executor_->step(batch);
  trials_->begin_step(threads_.max());
  const Expected<Logits> logits = executor_->step(batch);
  trials_->end_step();
  return logits;
}

Expected<Logits> Engine::embed(std::span<const SequenceTokens> batch) {
  for (const SequenceTokens& part : batch) TERN_TRY(part.sequence->reserve(part.tokens.size()));
  prepare(batch);
  return executor_->embed(batch);
}

KernelTrials& Engine::try_kernels(TrialOptions options) {
  assert(!trials_);
  trials_ = std::make_unique<KernelTrials>(*plan_, std::move(options));
  executor_->try_kernels(*trials_);
  return *trials_;
}

}  // namespace tern::runtime
