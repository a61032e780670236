#include "runtime/execute/bind.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <numeric>

#include "codegen/lower/lower.h"
#include "runtime/graph/families.h"
#include "runtime/graph/passes.h"

namespace tern::runtime {

class Binder {
 public:
  Binder(GraphPart part, int64_t rows, const BindOptions& options)
      : part_(part), rows_(rows), options_(options) {}

  Expected<Executable> run() {
    PassOptions passes{rows_, static_cast<int64_t>(options_.threads)};
    // Each thread's own memory has thread_rows() rows. A kernel computes whole tiles of rows, which may be
    // more if the kernel is that of a larger bucket because the bucket's own was not compiled.
    passes.may_compute_by_each = fits_memory_of_threads();
    graph_ = run_passes(build_graph(options_.model.hyperparameters), passes);
    bool is_head = false;
    for (const Block& block : graph_.blocks) {
      for (int64_t i = 0; i < std::max<int64_t>(block.layers, 1); ++i) {
        layer_ = block.layers > 0 ? block.first_layer + i : -1;
        begin_group(block, 0);
        for (size_t index = 0; index < block.operations.size(); ++index) {
          const Operation& operation = block.operations[index];
          is_head |= operation.op == Op::select;
          if (is_head == (part_ != GraphPart::layers) && returned_ < 0) TERN_TRY(add(operation));
          if (is_head && part_ == GraphPart::normed && operation.op == Op::rms_norm)
            returned_ = operation.results[0];
          if (operation.meet_after) begin_group(block, index + 1);
        }
      }
    }
    if (part_ == GraphPart::head) returned_ = graph_.logits;
    if (returned_ >= 0) {
      TERN_ASSIGN(executable_.output_, floats(returned_));
    }
    // The end of a run is a meeting.
    executable_.steps_.back().meet_after = false;
    return std::move(executable_);
  }

 private:
  bool fits_memory_of_threads() const {
    return std::ranges::all_of(options_.plan.products(), [&](const PlannedProduct& planned) {
      if (planned.product.experts > 0 && rows_ > 1) return true;  // they read rows that are gathered for them
      const PlannedKernel& kernel = planned.kernel_for(rows_);
      return codegen::padded_rows(*kernel.kernel) <= options_.memory.thread_rows();
    });
  }

  const Value& at(int value) const { return graph_.values[static_cast<size_t>(value)]; }
  bool is_quantized(int value) const { return at(value).type.kind == ValueKind::i8; }
  Expected<FloatRows> floats(int value) { return options_.memory.floats(graph_, value); }

  size_t index_of(const Operation& product) const { return options_.plan.index_of(layer_, product.weights); }
  const PlannedKernel& kernel_of(const Operation& product) const {
    return options_.plan.products()[index_of(product)].kernel_for(rows_);
  }

  // ---- columns that several operations between two meetings share out in the same units ----

  // Begins a group: the operations of the block from `begin` up to the next meeting.
  void begin_group(const Block& block, size_t begin) {
    group_.clear();
    for (size_t i = begin; i < block.operations.size(); ++i) {
      const Operation& operation = block.operations[i];
      if (operation.sharing == Sharing::columns) group_.push_back(&operation);
      if (operation.meet_after) break;
    }
    shared_.clear();
  }

  int64_t columns_of(const Operation& operation) const {
    int64_t columns = 0;
    for (const int result : operation.results) columns += at(result).type.width;
    return columns;
  }

  // The columns that the operation shares out with others of its group that have as many; null for a product
  // that is the only one with its number of columns.
  const SharedColumns* columns_for(const Operation& operation) {
    const int64_t columns = columns_of(operation);
    const auto known = std::ranges::find(shared_, columns, &SharedColumns::columns);
    if (known != shared_.end()) return *known;
    SharedColumns shared{columns, 1, {}, 1};
    int users = 0;
    for (const Operation* other : group_) {
      if (columns_of(*other) != columns) continue;
      ++users;
      if (other->op != Op::matmul) continue;
      shared.products.push_back(index_of(*other));
      shared.unit = std::lcm(shared.unit, ParallelLoops(*kernel_of(*other).kernel).columns());
    }
    if (users < 2 && operation.op == Op::matmul) return nullptr;
    if (shared.products.empty()) shared.unit = elements_a_unit;
    shared.unit_in_trial = shared.unit;
    executable_.shared_columns_.push_back(std::make_unique<SharedColumns>(std::move(shared)));
    shared_.push_back(executable_.shared_columns_.back().get());
    return shared_.back();
  }
  static constexpr int64_t elements_a_unit = 256;

  // ---- operations ----

  template <class Step>
  void push(const Operation& operation, Step step) {
    std::string label(name(operation.op));
    for (const WeightRole role : operation.weights) label.append(" ").append(name(role));
    executable_.steps_.push_back({std::move(step), operation.meet_after, layer_, std::move(label)});
  }

  Status add(const Operation& operation) {
    switch (operation.op) {
      case Op::embed: {
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation, EmbedStep{&options_.model.matrix(operation.weights[0], layer_), operation.factor,
                                  operation.block != 0 ? factors_for(output.width) : nullptr,
                                  static_cast<size_t>(operation.block), output});
        return {};
      }
      case Op::rope_angles: {
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        RopeFrequencies frequencies{.dimension = static_cast<size_t>(output.width),
                                    .base = operation.base,
                                    .divisor = operation.divisor,
                                    .context = static_cast<double>(operation.context),
                                    .magnitude = operation.magnitude};
        if (!operation.weights.empty())
          frequencies.divisors = options_.model.norm(operation.weights[0], layer_);
        push(operation, AnglesStep{RopeAngles(frequencies), output});
        return {};
      }
      case Op::center: {
        TERN_ASSIGN(const FloatRows input, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation, CenterStep{operation.sharing, input, output});
        return {};
      }
      case Op::rms_norm: {
        TERN_ASSIGN(const FloatRows input, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        const std::vector<float>& weights = options_.model.norm(operation.weights[0], layer_);
        push(operation,
             NormStep{operation.sharing, input, output, weights.data(), operation.epsilon, operation.heads});
        return {};
      }
      case Op::quantize: return add_quantize(operation);
      case Op::matmul: return add_product(operation);
      case Op::rope: {
        TERN_ASSIGN(const FloatRows input, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows angles, floats(operation.operands[1]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation, RopeStep{input, angles, output, operation.heads, operation.pairs});
        return {};
      }
      case Op::store: {
        TERN_ASSIGN(const FloatRows keys, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows values, floats(operation.operands[1]));
        push(operation, StoreStep{keys, values, shape().memory_index(layer_), operation.heads});
        return {};
      }
      case Op::attend: {
        TERN_ASSIGN(const FloatRows queries, floats(operation.operands[0]));
        FloatRows output;
        if (at(operation.results[0]).type.kind == ValueKind::f32) {
          TERN_ASSIGN(output, floats(operation.results[0]));
        }
        push(operation, AttendStep{queries, output, shape().memory_index(layer_), operation.heads,
                                   operation.kv_heads, static_cast<size_t>(operation.window)});
        return {};
      }
      case Op::combine: {
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation,
             CombineStep{operation.sharing, output, operation.heads, static_cast<size_t>(operation.window)});
        return {};
      }
      case Op::add: {
        TERN_ASSIGN(const FloatRows x, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows y, floats(operation.operands[1]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation, AddStep{x, y, output, operation.factor, columns_for(operation)});
        return {};
      }
      case Op::gate: {
        TERN_ASSIGN(const FloatRows gate, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows up, floats(operation.operands[1]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation,
             GateStep{operation.function, operation.limit, gate, up, output, columns_for(operation)});
        return {};
      }
      case Op::activate: {
        TERN_ASSIGN(const FloatRows input, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation, ActivateStep{operation.function, input, output, columns_for(operation)});
        return {};
      }
      case Op::scale: {
        TERN_ASSIGN(const FloatRows input, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation, ScaleStep{input, output, operation.factor, columns_for(operation)});
        return {};
      }
      case Op::route: return add_route(operation);
      case Op::gather: return add_gather(operation);
      case Op::expert_matmul: return add_expert_product(operation);
      case Op::expert_gate: return add_expert_gate(operation);
      case Op::mix: {
        TERN_ASSIGN(const FloatRows input, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation, MixStep{input, output, columns_for(operation), routes_of(operation.operands[1])});
        return {};
      }
      case Op::rotate: {
        TERN_ASSIGN(const FloatRows input, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation,
             RotateStep{operation.sharing, input, output, factors_for(input.width),
                        static_cast<size_t>(operation.block), operation.heads, operation.kv_heads});
        return {};
      }
      case Op::part: {
        TERN_ASSIGN(const FloatRows input, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation, PartStep{input, output, operation.heads, operation.part});
        return {};
      }
      case Op::convolve: {
        TERN_ASSIGN(const FloatRows input, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation,
             ConvolveStep{input, output, vector_of(operation.weights[0]),
                          static_cast<size_t>(operation.window), state_of_layer(), columns_for(operation)});
        return {};
      }
      case Op::delta_rule: return add_delta(operation);
      case Op::select: {
        TERN_ASSIGN(const FloatRows input, floats(operation.operands[0]));
        TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
        push(operation, SelectStep{operation.sharing, input, output});
        return {};
      }
    }
    return {};
  }

  const Hyperparameters& shape() const { return options_.model.hyperparameters; }
  const float* vector_of(WeightRole role) const { return options_.model.norm(role, layer_).data(); }
  const float* factors_for(int64_t width) const {
    return shape().rotation.factors.at(static_cast<uint32_t>(width)).data();
  }
  // Where the layer's part of a sequence's recurrent state begins: see Hyperparameters::layer_state.
  size_t state_of_layer() const { return shape().memory_index(layer_) * shape().layer_state(); }

  Status add_delta(const Operation& operation) {
    TERN_ASSIGN(const FloatRows inputs, floats(operation.operands[0]));
    TERN_ASSIGN(const FloatRows alpha, floats(operation.operands[1]));
    TERN_ASSIGN(const FloatRows beta, floats(operation.operands[2]));
    TERN_ASSIGN(const FloatRows output, floats(operation.results[0]));
    const size_t convolution = (shape().delta_window - 1) * shape().delta_channels();
    push(operation, DeltaStep{inputs, alpha, beta, output, vector_of(operation.weights[0]),
                              vector_of(operation.weights[1]), operation.epsilon, operation.heads,
                              operation.kv_heads, state_of_layer() + convolution});
    return {};
  }

  // The step that quantises a row also runs the preparations of all products that read it, each distinct one
  // once.
  Status add_quantize(const Operation& operation) {
    const int value = operation.results[0];
    TERN_ASSIGN(const FloatRows input, floats(operation.operands[0]));
    TERN_ASSIGN(const QuantizedRows output, options_.memory.quantized(graph_, value));
    QuantizeStep step{operation.sharing, input, output, {}, {}};
    std::vector<uint64_t> known;
    for (const Block& block : graph_.blocks) {
      for (const Operation& reader : block.operations) {
        if (reader.operands.empty() || reader.operands[0] != value) continue;
        if (reader.op != Op::matmul && reader.op != Op::expert_matmul) continue;
        TERN_TRY(add_group_sums(value, kernel_of(reader).kernel->problem, step.group_sums));
        if (reader.op == Op::expert_matmul) continue;  // its kernels need no preparations
        for (const Preparation& preparation : kernel_of(reader).preparations) {
          if (std::ranges::find(known, preparation.key) != known.end()) continue;
          known.push_back(preparation.key);
          TERN_ASSIGN(BoundPreparation bound, bind_preparation(value, output, preparation));
          step.preparations.push_back(std::move(bound));
        }
      }
    }
    push(operation, std::move(step));
    return {};
  }

  // The sums of groups that a reader of the value needs, unless another reader needed the same.
  Status add_group_sums(int value, const ir::Problem& problem, std::vector<GroupSums>& all) {
    const int64_t group = problem.sum_group();
    if (group == 0 || std::ranges::find(all, group, &GroupSums::group) != all.end()) return {};
    const int64_t stride = group_stride(problem, group);
    TERN_ASSIGN(int32_t * sums, options_.memory.group_sums(graph_, value, group, stride));
    all.push_back({group, sums, stride});
    return {};
  }

  Expected<BoundPreparation> bind_preparation(int value, const QuantizedRows& quantized,
                                              const Preparation& preparation) {
    TERN_ASSIGN(const ProductMemory memory, memory_of_prepared(value, quantized, {preparation}));
    BoundPreparation bound{preparation.program, {}};
    for (size_t thread = 0; thread < copies_of(memory); ++thread)
      bound.arguments.push_back(memory.arguments(preparation.program.program(), thread));
    return bound;
  }

  // The quantised value, and what the preparations make of it.
  Expected<ProductMemory> memory_of_prepared(int value, const QuantizedRows& quantized,
                                             const std::vector<Preparation>& preparations) {
    ProductMemory memory;
    memory.quantized = quantized;
    for (const Preparation& preparation : preparations) {
      for (const ir::Buffer& parameter : parameters(preparation.program.program())) {
        if (parameter.kind != ir::BufferKind::output) continue;
        TERN_ASSIGN(memory.prepared[parameter.role],
                    options_.memory.prepared(graph_, value, preparation.key, parameter));
        // A preparation has one parallel loop: over rows.
        memory.prepared[parameter.role].row_stride =
            parameter.bytes() / ir::parallel_loops(preparation.program.program())[0]->trips;
      }
    }
    return memory;
  }

  size_t copies_of(const ProductMemory& memory) const {
    return memory.is_per_thread() ? options_.threads : 1;
  }

  Status add_product(const Operation& operation) {
    const size_t index = index_of(operation);
    const PlannedKernel& planned = kernel_of(operation);
    assert(planned.code && "the plan is prepared");
    const int input = operation.operands[0];
    ProductMemory memory;
    if (is_quantized(input)) {
      TERN_ASSIGN(const QuantizedRows quantized, options_.memory.quantized(graph_, input));
      TERN_ASSIGN(memory, memory_of_prepared(input, quantized, planned.preparations));
      if (const int64_t group = planned.kernel->problem.sum_group(); group != 0) {
        memory.quantized.sum_stride = group_stride(planned.kernel->problem, group);
        TERN_ASSIGN(memory.quantized.sums,
                    options_.memory.group_sums(graph_, input, group, memory.quantized.sum_stride));
      }
    } else {
      TERN_ASSIGN(memory.dense, floats(input));
    }
    memory.packed = &options_.plan.products()[index].packed;
    if (operation.operands.size() > 1) {
      TERN_ASSIGN(memory.other, floats(operation.operands[1]));
    }
    TERN_ASSIGN(memory.output, floats(operation.results[0]));
    ProductStep step{index,
                     *planned.code,
                     ParallelLoops(planned.code->kernel()),
                     {},
                     std::move(memory),
                     planned.code->kernel().problem.n,
                     operation.sharing,
                     columns_for(operation)};
    for (size_t thread = 0; thread < copies_of(step.memory); ++thread)
      step.arguments.push_back(step.memory.arguments(planned.code->program(), thread));
    push(operation, std::move(step));
    return {};
  }

  // ---- experts ----

  ThreadRoutes* routes_of(int value) { return thread_routes_.at(value); }

  // The sums that products of experts read of a value.
  Expected<std::vector<GroupSums>> expert_sums(int value) {
    std::vector<GroupSums> sums;
    for (const Block& block : graph_.blocks) {
      for (const Operation& reader : block.operations) {
        if (reader.op != Op::expert_matmul || reader.operands[0] != value) continue;
        TERN_TRY(add_group_sums(value, kernel_of(reader).kernel->problem, sums));
      }
    }
    return sums;
  }

  Status add_route(const Operation& operation) {
    const int value = operation.results[0];
    TERN_ASSIGN(const FloatRows logits, floats(operation.operands[0]));
    if (!thread_routes_.contains(value)) {
      executable_.routes_.push_back(std::make_unique<ThreadRoutes>(options_.threads));
      thread_routes_[value] = executable_.routes_.back().get();
    }
    // Rows of all products of these experts lie alike, each run with room for the kernel that takes most.
    std::vector<int64_t> padded(static_cast<size_t>(rows_) + 1);
    std::vector<const PlannedProduct*> paged;
    for (const Block& block : graph_.blocks) {
      for (const Operation& reader : block.operations) {
        if (reader.op != Op::expert_matmul || reader.operands[1] != value) continue;
        const PlannedProduct& planned = options_.plan.products()[index_of(reader)];
        if (options_.plan.is_paged()) paged.push_back(&planned);
        const GroupedProduct product{planned.set, {}};
        for (int64_t rows = 1; rows <= rows_; ++rows) {
          int64_t& most = padded[static_cast<size_t>(rows)];
          most = std::max(most, product.padded_rows(rows));
        }
      }
    }
    push(operation,
         RouteStep{logits, at(value).type.width, std::move(padded), routes_of(value), std::move(paged)});
    return {};
  }

  Status add_gather(const Operation& operation) {
    GatherStep step{{}, {}, {}, {}, {}, routes_of(operation.operands[1])};
    const int input = operation.operands[0], result = operation.results[0];
    if (is_quantized(input)) {
      TERN_ASSIGN(step.quantized, options_.memory.quantized(graph_, input));
      TERN_ASSIGN(step.gathered, options_.memory.quantized(graph_, result));
      TERN_ASSIGN(step.group_sums, expert_sums(result));
    } else {
      TERN_ASSIGN(step.from, floats(input));
      TERN_ASSIGN(step.to, floats(result));
    }
    push(operation, std::move(step));
    return {};
  }

  Status add_expert_gate(const Operation& operation) {
    const int result = operation.results[0];
    ExpertGateStep step{
        operation.function, operation.limit, {}, {}, {}, {}, {}, routes_of(operation.operands[2])};
    TERN_ASSIGN(step.gate, floats(operation.operands[0]));
    TERN_ASSIGN(step.up, floats(operation.operands[1]));
    if (is_quantized(result)) {
      TERN_ASSIGN(step.quantized, options_.memory.quantized(graph_, result));
      TERN_ASSIGN(step.group_sums, expert_sums(result));
    } else {
      TERN_ASSIGN(step.output, floats(result));
    }
    push(operation, std::move(step));
    return {};
  }

  Status add_expert_product(const Operation& operation) {
    const PlannedProduct& planned = options_.plan.products()[index_of(operation)];
    const int input = operation.operands[0];
    ProductMemory memory;
    if (is_quantized(input)) {
      TERN_ASSIGN(memory.quantized, options_.memory.quantized(graph_, input));
      const ir::Problem& problem = planned.set->problem;
      if (const int64_t group = problem.sum_group(); group != 0) {
        memory.quantized.sum_stride = group_stride(problem, group);
        TERN_ASSIGN(memory.quantized.sums,
                    options_.memory.group_sums(graph_, input, group, memory.quantized.sum_stride));
      }
    } else {
      TERN_ASSIGN(memory.dense, floats(input));
    }
    TERN_ASSIGN(memory.output, floats(operation.results[0]));
    ExpertProductStep step{{planned.set, {}}, at(input).type.copies == 0, routes_of(operation.operands[1])};
    for (const PackedWeights& packed : planned.experts) {
      step.product.matrices.push_back(memory);
      step.product.matrices.back().packed = &packed;
    }
    push(operation, std::move(step));
    return {};
  }

  const GraphPart part_;
  const int64_t rows_;
  const BindOptions& options_;
  Graph graph_;
  Executable executable_;
  int returned_ = -1;  // the value that the part returns, once it is bound
  int64_t layer_ = -1;
  std::map<int, ThreadRoutes*> thread_routes_;  // by value
  std::vector<const Operation*> group_;         // operations of the group that are shared out by columns
  std::vector<SharedColumns*> shared_;          // their columns, one for each number of columns
};

Expected<Executable> bind(GraphPart part, int64_t rows, const BindOptions& options) {
  return Binder(part, rows, options).run();
}

}  // namespace tern::runtime
