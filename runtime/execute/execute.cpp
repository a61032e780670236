#include "runtime/execute/execute.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "codegen/lower/lower.h"
#include "ir/kernel/problem.h"
#include "runtime/math/attention.h"
#include "runtime/math/float_ops.h"
#include "runtime/model/tensor_rows.h"

namespace tern::runtime {
namespace {

// Rows of queries that one task of attention takes: enough to share each key among them.
constexpr size_t attention_rows = 16;
// Tasks of attention that each thread should have at least, so that no thread waits long for another.
constexpr size_t tasks_a_thread = 4;

std::span<const std::byte> embedding_row(const Tensor& table, uint32_t token) {
  const size_t bytes = table.data.size() / table.n;
  return table.data.subspan(token * bytes, bytes);
}

}  // namespace

Executor::Executor(const Model& model, const Plan& plan)
    : model_(model),
      plan_(plan),
      graph_(build_graph(model)),
      layer_groups_(step_groups(graph_, graph_.layers)),
      head_groups_(step_groups(graph_, graph_.head)),
      angles_(model.hyperparameters.rope_dimension, model.hyperparameters.rope_base) {}

Expected<std::unique_ptr<Executor>> Executor::make(const Model& model, const Plan& plan,
                                                   const StepPools& pools) {
  std::unique_ptr<Executor> executor(new Executor(model, plan));
  executor->use(pools);
  if (const Status status = executor->allocate(); !status) return status.error();
  return executor;
}

void Executor::use(const StepPools& pools) {
  decode_ = std::make_unique<Team>(pools.decode);
  prefill_ = std::make_unique<Team>(pools.prefill);
  scratch_.resize(std::max(pools.decode.threads(), pools.prefill.threads()));
}

Status Executor::allocate() {
  const auto rows = static_cast<size_t>(plan_.padded_rows());
  for (const Value& value : graph_.values) {
    Buffer buffer;
    // One stride serves a value as a matrix's output and as its input.
    buffer.stride = ir::row_stride(static_cast<int64_t>(value.width));
    const size_t size = rows * static_cast<size_t>(buffer.stride) * (value.quantized ? 1 : sizeof(float));
    for (auto [memory, bytes] :
         {std::pair(&buffer.data, size), std::pair(&buffer.scales, rows * sizeof(float)),
          std::pair(&buffer.sums, rows * sizeof(int32_t))}) {
      if (memory != &buffer.data && !value.quantized) continue;
      Expected<Memory> allocated = Memory::allocate(bytes);
      if (!allocated) return allocated.error();
      *memory = allocated.take();
    }
    buffers_.push_back(std::move(buffer));
  }
  for (const std::vector<Step>* steps : {&graph_.layers, &graph_.head}) {
    if (const Status status = allocate_prepared(*steps); !status) return status;
  }
  return {};
}

// What the preparations of each matrix's kernels write, with room for as many rows as they take.
Status Executor::allocate_prepared(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (step.kind != StepKind::matmul) continue;
    const PlannedMatrix& matrix = plan_.matrix(*step.matrix);
    for (const PlannedKernel& planned : matrix.set->kernels) {
      if (planned.kernel->compute.strategy != ir::Strategy::lookup) continue;
      std::vector<Tables>& all = buffers_[step.input].tables;
      const ir::TableShape shape = table_shape(*planned.kernel);
      auto tables = std::ranges::find(all, shape, &Tables::shape);
      if (tables == all.end()) tables = all.insert(all.end(), Tables{shape, {}, {}, {}});
      if (std::ranges::find(tables->readers, &matrix) == tables->readers.end())
        tables->readers.push_back(&matrix);
      const auto bytes = static_cast<size_t>(codegen::padded_rows(*planned.kernel) * shape.row_bytes());
      if (tables->low.size() >= bytes) continue;
      for (Memory* memory : {&tables->low, &tables->high}) {
        Expected<Memory> allocated = Memory::allocate(bytes);
        if (!allocated) return allocated.error();
        *memory = allocated.take();
      }
    }
  }
  return {};
}

void Executor::place_rows(std::span<const SequenceTokens> batch) {
  batch_ = batch;
  rows_.clear();
  first_rows_.clear();
  size_t longest = 0;
  for (size_t sequence = 0; sequence < batch.size(); ++sequence) {
    const SequenceTokens& part = batch[sequence];
    const size_t before = part.sequence->length();
    first_rows_.push_back(rows_.size());
    for (size_t i = 0; i < part.tokens.size(); ++i) rows_.push_back({part.tokens[i], sequence, before + i});
    longest = std::max(longest, before + part.tokens.size());
  }
  const size_t pairs = angles_.pairs();
  cosines_.resize(rows_.size() * pairs);
  sines_.resize(rows_.size() * pairs);
  prepare_attention(longest);
}

// Blocks of positions are tasks of their own where tasks of whole rows would be too few for the threads.
void Executor::prepare_attention(size_t longest) {
  const Hyperparameters& shape = model_.hyperparameters;
  const size_t scratch = attention_scratch_size(shape.head_dimension);
  for (std::vector<float>& own : scratch_) own.resize(scratch);
  size_t tasks = 0;
  for (const SequenceTokens& part : batch_)
    tasks += (part.tokens.size() + attention_rows - 1) / attention_rows * shape.head_count_kv;
  const size_t threads = team_for(rows_.size()).pool.threads();
  attention_by_block_ = threads > 1 && tasks < tasks_a_thread * threads;
  if (!attention_by_block_) return;
  partial_blocks_ = attention_blocks(longest);
  const size_t size =
      rows_.size() * shape.head_count * partial_blocks_ * attention_partial_size(shape.head_dimension);
  if (partials_.size() < size) partials_.resize(size + size / 2);
}

Logits Executor::step(std::span<const SequenceTokens> batch) {
  place_rows(batch);
  run(graph_.layers, layer_groups_, static_cast<int64_t>(rows_.size()));
  for (const SequenceTokens& part : batch) part.sequence->extend(part.tokens);
  gather_hidden(batch);
  run(graph_.head, head_groups_, static_cast<int64_t>(rows_.size()));
  return Logits(row(graph_.logits, 0), rows_.size(), model_.hyperparameters.vocabulary_size,
                static_cast<size_t>(buffers_[graph_.logits].stride));
}

// Moves the hidden rows whose logits are asked for to the front.
void Executor::gather_hidden(std::span<const SequenceTokens> batch) {
  std::vector<Row> kept;
  for (size_t i = 0; i < rows_.size(); ++i) {
    const size_t sequence = rows_[i].sequence;
    const bool last = i + 1 == rows_.size() || rows_[i + 1].sequence != sequence;
    if (!last && !batch[sequence].all_logits) continue;
    if (kept.size() != i)
      std::copy_n(row(graph_.hidden, i), model_.hyperparameters.embedding_length,
                  row(graph_.hidden, kept.size()));
    kept.push_back(rows_[i]);
  }
  rows_ = std::move(kept);
}

void Executor::run(const std::vector<Step>& steps, const std::vector<size_t>& groups, int64_t rows) {
  Team& team = kernels::is_decode(rows) ? *decode_ : *prefill_;
  threads_ = team.pool.threads();
  team.pool.run([&](size_t thread) {
    for (size_t group = 0; group < groups.size(); ++group) {
      const size_t end = group + 1 < groups.size() ? groups[group + 1] : steps.size();
      for (size_t i = groups[group]; i < end; ++i) run_step(steps[i], rows, thread);
      if (group + 1 < groups.size()) team.barrier.wait();
    }
  });
}

void Executor::run_step(const Step& step, int64_t rows, size_t thread) {
  switch (step.kind) {
    case StepKind::matmul: return multiply(step, rows, thread);
    case StepKind::store_kv: return store_heads(step, thread);
    case StepKind::attention: return attend(step, thread);
    case StepKind::embed:
    case StepKind::rms_norm:
    case StepKind::quantize:
    case StepKind::rope:
    case StepKind::add:
    case StepKind::gate: return by_rows(step, rows, thread);
  }
}

void Executor::by_rows(const Step& step, int64_t rows, size_t thread) {
  const Hyperparameters& shape = model_.hyperparameters;
  const Range range = split(static_cast<size_t>(rows), thread, threads_);
  const size_t pairs = angles_.pairs();
  for (size_t i = range.begin; i < range.end; ++i) {
    const auto index = static_cast<int64_t>(i);
    const size_t width = step.output >= 0 ? graph_.values[step.output].width : 0;
    switch (step.kind) {
      case StepKind::embed:
        decode_row(model_.token_embedding.type, embedding_row(model_.token_embedding, rows_[i].token),
                   {row(step.output, index), width});
        angles_.at(rows_[i].position, &cosines_[i * pairs], &sines_[i * pairs]);
        break;
      case StepKind::rms_norm:
        rms_norm_row(row(step.input, index), step.norm->data(), shape.rms_epsilon, width,
                     row(step.output, index));
        break;
      case StepKind::quantize: {
        Buffer& output = buffers_[step.output];
        output.scales.as<float>()[i] = quantize_row(
            row(step.input, index), width, static_cast<size_t>(output.stride),
            output.data.as<int8_t>().data() + index * output.stride, output.sums.as<int32_t>()[i]);
        build_tables(output, index, rows);
        break;
      }
      case StepKind::rope:
        apply_rope(row(step.output, index), width / shape.head_dimension, shape.head_dimension,
                   &cosines_[i * pairs], &sines_[i * pairs], pairs);
        break;
      case StepKind::add: add(row(step.output, index), row(step.input, index), width); break;
      case StepKind::gate:
        (shape.activation == Activation::silu ? silu_gate : relu_squared_gate)(
            row(step.input, index), row(step.second, index), width, row(step.output, index));
        break;
      case StepKind::matmul:
      case StepKind::store_kv:
      case StepKind::attention: break;
    }
  }
}

// The tables of one row that the kernels of a step with `rows` rows read: all matrices that read the same
// tables have the same code to build them.
void Executor::build_tables(Buffer& value, int64_t index, int64_t rows) {
  for (Tables& tables : value.tables) {
    for (const PlannedMatrix* reader : tables.readers) {
      const PlannedKernel& planned = reader->kernel_for(rows);
      if (!planned.tables || table_shape(*planned.kernel) != tables.shape) continue;
      void* const pointers[] = {value.data.data(), tables.low.data(), tables.high.data()};
      const ir::Range range = {index, index + 1};
      (*planned.tables)(pointers, {&range, 1});
      break;
    }
  }
}

// Each thread computes a range of the outputs, for all rows.
void Executor::multiply(const Step& step, int64_t rows, size_t thread) {
  const PlannedMatrix& matrix = plan_.matrix(*step.matrix);
  if (!trials_) return call(*matrix.kernel_for(rows).code, step, rows, thread);
  trials_->call(matrix, rows, thread,
                [&](const codegen::CompiledKernel& kernel) { call(kernel, step, rows, thread); });
}

ir::Arguments Executor::arguments_of(const codegen::CompiledKernel& kernel, const Step& step, int64_t rows) {
  const PlannedMatrix& matrix = plan_.matrix(*step.matrix);
  Buffer& input = buffers_[step.input];
  const auto prepared = [&](ir::BufferRole role) -> void* {
    for (const Preparation& preparation : matrix.kernel_for(rows).preparations) {
      for (Prepared& one : input.prepared) {
        const auto written = one.written.find(role);
        if (one.preparation.key == preparation.key && written != one.written.end())
          return written->second.data();
      }
    }
    assert(false && "no preparation of the kernel writes what it reads");
    return nullptr;
  };
  return {kernel.program(), [&](const ir::Buffer& buffer) -> void* {
            switch (buffer.role) {
              case ir::BufferRole::weights: return matrix.packed.weights.data();
              case ir::BufferRole::group_scales: return matrix.packed.scales.data();
              case ir::BufferRole::activations: return input.data.data();
              case ir::BufferRole::tables_low:
              case ir::BufferRole::tables_high: return prepared(buffer.role);
              case ir::BufferRole::activation_sums: return input.sums.data();
              case ir::BufferRole::activation_scales: return input.scales.data();
              case ir::BufferRole::weight_scales: return const_cast<float*>(&matrix.packed.scale);
              case ir::BufferRole::output: return buffers_[step.output].data.data();
              case ir::BufferRole::none:
              case ir::BufferRole::residual:
              case ir::BufferRole::gate:
              case ir::BufferRole::quantized_output:
              case ir::BufferRole::output_sums:
              case ir::BufferRole::output_scales: break;
            }
            assert(false && "the plan gave a kernel that does more than the product");
            return nullptr;
          }};
}

void Executor::call(const codegen::CompiledKernel& kernel, const Step& step, int64_t rows, size_t thread) {
  ir::Range ranges[2];
  size_t loops = 0;
  for (const ir::ScheduledLoop& loop : kernel.kernel().schedule.loops) {
    if (loop.kind != ir::LoopKind::parallel) continue;
    if (loop.axis == ir::Axis::n) {
      const auto blocks = static_cast<size_t>(ir::ceil_divide(kernel.kernel().problem.n, loop.step));
      const Range share = split(blocks, thread, threads_);
      ranges[loops++] = {static_cast<int64_t>(share.begin), static_cast<int64_t>(share.end)};
    } else {
      ranges[loops++] = {0, ir::ceil_divide(rows, loop.step)};
    }
  }
  kernel(arguments_of(kernel, step, rows), {ranges, loops});
}

// Each thread stores some heads of some rows.
void Executor::store_heads(const Step& step, size_t thread) {
  const size_t heads = model_.hyperparameters.head_count_kv,
               dimension = model_.hyperparameters.head_dimension;
  const Range range = split(rows_.size() * heads, thread, threads_);
  for (size_t task = range.begin; task < range.end; ++task) {
    const auto index = static_cast<int64_t>(task / heads);
    const size_t head = task % heads;
    const Row& at = rows_[static_cast<size_t>(index)];
    const Sequence& sequence = *batch_[at.sequence].sequence;
    store_keys_values(sequence.shape(), sequence.pages().data(), static_cast<size_t>(step.layer), head,
                      at.position, 1, row(step.input, index) + head * dimension,
                      row(step.second, index) + head * dimension, 0);
  }
}

// Each thread takes every so many-th task: rows of one sequence and the queries of one key/value head, with
// all blocks of positions or with one.
void Executor::attend(const Step& step, size_t thread) {
  const Hyperparameters& shape = model_.hyperparameters;
  const size_t sharing = shape.head_count / shape.head_count_kv;
  const size_t partial_stride = partial_blocks_ * attention_partial_size(shape.head_dimension);
  float* scratch = scratch_[thread].data();
  size_t task = 0;
  for (size_t sequence = 0; sequence < batch_.size(); ++sequence) {
    const Sequence& past = *batch_[sequence].sequence;
    const size_t tokens = batch_[sequence].tokens.size();
    for (size_t first = 0; first < tokens; first += attention_rows) {
      AttentionRows rows;
      rows.rows = std::min(attention_rows, tokens - first);
      rows.heads = sharing;
      rows.query_stride = static_cast<size_t>(buffers_[step.input].stride);
      rows.first_position = past.length() + first;
      rows.scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dimension));
      const size_t index = first_rows_[sequence] + first;
      const size_t tasks = attention_by_block_ ? attention_blocks(rows.first_position + rows.rows) : 1;
      for (size_t head = 0; head < shape.head_count_kv; ++head) {
        const KeyValueHead cached =
            key_value_head(past.shape(), past.pages().data(), static_cast<size_t>(step.layer), head);
        const size_t offset = head * sharing * shape.head_dimension;
        const float* queries = row(step.input, static_cast<int64_t>(index)) + offset;
        for (size_t block = 0; block < tasks; ++block) {
          if (task++ % threads_ != thread) continue;
          if (attention_by_block_) {
            attend_block(cached, rows, block, queries, partials(index, head * sharing, block), partial_stride,
                         scratch);
          } else {
            attention(cached, rows, queries, row(step.output, static_cast<int64_t>(index)) + offset,
                      static_cast<size_t>(buffers_[step.output].stride), scratch);
          }
        }
      }
    }
  }
  if (!attention_by_block_) return;
  team_->barrier.wait();
  join_blocks(step, thread);
}

float* Executor::partials(size_t index, size_t head, size_t block) {
  const Hyperparameters& shape = model_.hyperparameters;
  return partials_.data() + ((index * shape.head_count + head) * partial_blocks_ + block) *
                                attention_partial_size(shape.head_dimension);
}

void Executor::join_blocks(const Step& step, size_t thread) {
  const Hyperparameters& shape = model_.hyperparameters;
  const Range range = split(rows_.size() * shape.head_count, thread, threads_);
  for (size_t task = range.begin; task < range.end; ++task) {
    const size_t index = task / shape.head_count, head = task % shape.head_count;
    join_attention(partials(index, head, 0), attention_blocks(rows_[index].position + 1),
                   shape.head_dimension,
                   row(step.output, static_cast<int64_t>(index)) + head * shape.head_dimension);
  }
}

}  // namespace tern::runtime
