#include "runtime/execute/execute.h"

#include <algorithm>

#include "runtime/graph/passes.h"

namespace tern::runtime {

Executor::Executor(const Model& model, const Plan& plan, const VectorOps& ops)
    : model_(model), plan_(plan), ops_(ops) {}

Expected<std::unique_ptr<Executor>> Executor::make(const Model& model, const Plan& plan,
                                                   const StepPools& pools, const VectorOps& ops) {
  std::unique_ptr<Executor> executor(new Executor(model, plan, ops));
  executor->use(pools);
  // The executables of the smallest and of the largest bucket take all the memory that any bucket takes,
  // except what preparations write; the plan has the code of both.
  for (const int64_t rows : {int64_t{1}, plan.buckets().max()}) {
    for (const GraphPart part : {GraphPart::layers, GraphPart::head})
      TERN_TRY(executor->executable_for(part, rows));
  }
  return executor;
}

void Executor::use(const StepPools& pools) {
  decode_ = std::make_unique<Team>(pools.decode);
  prefill_ = std::make_unique<Team>(pools.prefill);
  const size_t threads = std::max(pools.decode.threads(), pools.prefill.threads());
  const size_t scratch = std::max(attention_scratch_size(model_.hyperparameters.head_dimension),
                                  delta_scratch_size(model_.hyperparameters));
  scratch_.assign(threads, std::vector<float>(scratch));
  executables_.clear();
  memory_.emplace(plan_.padded_rows(), plan_.padded_rows_for(max_rows_by_each),
                  plan_.expert_rows(model_.hyperparameters.experts_used), threads);
}

Executor::Team& Executor::team_for(int64_t rows) {
  return kernels::is_decode(rows) ? *decode_ : *prefill_;
}

// The executable for a number of rows, bound when it is first needed.
Expected<Executable*> Executor::executable_for(GraphPart part, int64_t rows) {
  if (bound_version_ != plan_.version()) executables_.clear();
  bound_version_ = plan_.version();
  const size_t threads = team_for(rows).pool.threads();
  const int64_t bucket = plan_.buckets().bucket_for(rows);
  const Key key = {part, bucket, threads};
  if (const auto found = executables_.find(key); found != executables_.end()) return &found->second;
  TERN_ASSIGN(Executable bound, bind(part, bucket, {model_, plan_, *memory_, threads}));
  return &executables_.emplace(key, std::move(bound)).first->second;
}

void Executor::list_rows(std::span<const SequenceTokens> batch) {
  rows_.clear();
  first_rows_.clear();
  selected_.clear();
  for (size_t sequence = 0; sequence < batch.size(); ++sequence) {
    const SequenceTokens& part = batch[sequence];
    const size_t before = part.sequence->length();
    first_rows_.push_back(rows_.size());
    for (size_t i = 0; i < part.tokens.size(); ++i) {
      if (part.all_logits || i + 1 == part.tokens.size()) selected_.push_back(rows_.size());
      rows_.push_back({part.tokens[i], sequence, before + i});
    }
  }
}

// Room for the partial results of attention, if a later step combines them.
void Executor::prepare_attention(const Executable& executable, StepRun& run) {
  const Hyperparameters& shape = model_.hyperparameters;
  size_t positions = 0;
  for (const StepRow& row : rows_) positions = std::max(positions, row.position + 1);
  run.max_blocks = attention_blocks(positions);
  run.scratch = scratch_;
  if (!executable.combines_blocks()) return;
  const size_t size =
      rows_.size() * shape.head_count * run.max_blocks * attention_partial_size(shape.head_dimension);
  if (partials_.size() < size) partials_.resize(size + size / 2);
  run.partials = partials_.data();
}

Expected<Logits> Executor::step(std::span<const SequenceTokens> batch, GraphPart last) {
  list_rows(batch);
  const auto all = static_cast<int64_t>(rows_.size()), asked = static_cast<int64_t>(selected_.size());
  TERN_ASSIGN(Executable * layers, executable_for(GraphPart::layers, all));
  TERN_ASSIGN(Executable * head, executable_for(last, asked));
  StepRun run{ops_, batch, rows_, first_rows_, selected_, all, 1, nullptr, 0, {}, trials_, profile_};
  Team& layers_team = team_for(all);
  run.threads = layers_team.pool.threads();
  prepare_attention(*layers, run);
  layers->run(run, layers_team.pool, layers_team.barrier);
  for (const SequenceTokens& part : batch) part.sequence->extend(part.tokens);
  Team& head_team = team_for(asked);
  run.count = asked;
  run.threads = head_team.pool.threads();
  head->run(run, head_team.pool, head_team.barrier);
  const FloatRows logits = head->output();
  return Logits(logits.data, selected_.size(), static_cast<size_t>(logits.width),
                static_cast<size_t>(logits.stride));
}

void Executor::profile(StepProfile* profile) {
  profile_ = profile;
  if (profile) profile->begin(std::max(decode_->pool.threads(), prefill_->pool.threads()));
}

Expected<Meetings> Executor::meetings() {
  TERN_ASSIGN(const Executable* layers, executable_for(GraphPart::layers, 1));
  TERN_ASSIGN(const Executable* head, executable_for(GraphPart::head, 1));
  return Meetings{layers->meetings_of_layer(), layers->meetings() + head->meetings()};
}

}  // namespace tern::runtime
