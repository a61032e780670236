#include "runtime/graph/verify_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tern::runtime {
namespace {

class Verifier {
 public:
  Verifier(const Graph& graph, const GraphLocations& locations)
      : graph_(graph), locations_(locations), known_(graph.values.size()), given_(graph.values.size()) {}

  std::vector<Error> run() {
    check_names();
    for (const Block& block : graph_.blocks) {
      index_ = -1;
      check_layers(block);
      for (const Operation& operation : block.operations) {
        ++index_;
        check_operation(block, operation);
      }
      index_ = -1;
      end_block(block);
      ++block_;
    }
    block_ = static_cast<int>(graph_.blocks.size()) - 1;
    if (!is_known(graph_.logits))
      complain("the value that is returned is not known");
    else if (type(graph_.logits).kind != ValueKind::f32)
      complain("what is returned is no f32");
    if (selects_ != 1) complain(fmt::format("there are {} operations select, not one", selects_));
    if (decided_ != 0 && decided_ != operations_) complain("some operations are shared out and some are not");
    return std::move(errors_);
  }

 private:
  void complain(std::string message) {
    const auto found = locations_.find({block_, index_});
    errors_.push_back({std::move(message), found == locations_.end() ? Location{} : found->second});
  }

  bool is_known(int value) const {
    return value >= 0 && value < static_cast<int>(known_.size()) && known_[static_cast<size_t>(value)];
  }
  const Value& at(int value) const { return graph_.values[static_cast<size_t>(value)]; }
  const ValueType& type(int value) const { return at(value).type; }

  void check_names() {
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      if (find_value(graph_, graph_.values[i].name) != static_cast<int>(i))
        complain(fmt::format("two values are called %{}", graph_.values[i].name));
    }
  }

  void give(int value) {
    if (value < 0 || value >= static_cast<int>(known_.size())) return complain("a value is not in the graph");
    const auto index = static_cast<size_t>(value);
    if (given_[index]) complain(fmt::format("%{} is given twice", at(value).name));
    given_[index] = known_[index] = true;
    if (type(value).width < 1 || type(value).width > widest)
      complain(fmt::format("%{} has a width of {}", at(value).name, type(value).width));
    const int64_t group = type(value).group;
    if (group < 0 || group > type(value).width || (group != 0 && type(value).kind != ValueKind::i8))
      complain(fmt::format("%{} has groups of {}", at(value).name, group));
    const int64_t copies = type(value).copies;
    const bool is_row = type(value).kind == ValueKind::f32 || type(value).kind == ValueKind::i8;
    if (copies < 0 || copies > max_copies || (copies != 0 && !is_row))
      complain(fmt::format("%{} has rows for {} experts", at(value).name, copies));
    const Slot& slot = at(value).slot;
    if (slot.buffer < 0) return;
    const bool fits =
        slot.buffer < static_cast<int>(graph_.buffers.size()) && slot.column >= 0 &&
        graph_.buffers[static_cast<size_t>(slot.buffer)].type.kind == type(value).kind &&
        graph_.buffers[static_cast<size_t>(slot.buffer)].type.copies == type(value).copies &&
        slot.column + type(value).width <= graph_.buffers[static_cast<size_t>(slot.buffer)].type.width;
    if (!fits) complain(fmt::format("%{} does not fit its buffer", at(value).name));
  }

  void check_layers(const Block& block) {
    if (block.layers == 0) {
      if (block_ > 0 && graph_.blocks[static_cast<size_t>(block_) - 1].layers == 0)
        complain("two blocks outside of layers follow each other");
      if (!block.carried.empty()) complain("values are carried outside of layers");
      return;
    }
    if (block.first_layer != next_layer_)
      complain(fmt::format("layer {} is next, not {}", next_layer_, block.first_layer));
    next_layer_ = block.first_layer + block.layers;
    for (const Carried& carried : block.carried) {
      if (!is_known(carried.initial)) {
        complain("a value that is carried is not known");
        continue;
      }
      give(carried.argument);
      if (is_known(carried.argument) && type(carried.argument) != type(carried.initial))
        complain(fmt::format("%{} begins as a value of another type", at(carried.argument).name));
    }
  }

  // Values that a layer gives are not known outside of it, except carried ones.
  void end_block(const Block& block) {
    if (block.layers == 0) return;
    for (const Carried& carried : block.carried) {
      if (!is_known(carried.next))
        complain("the value for the next layer is not known");
      else if (is_known(carried.argument) && type(carried.argument) != type(carried.next))
        complain(fmt::format("%{} goes on as a value of another type", at(carried.argument).name));
    }
    for (const Operation& operation : block.operations) {
      for (const int result : operation.results) {
        if (is_known(result)) known_[static_cast<size_t>(result)] = false;
      }
    }
  }

  void check_operation(const Block& block, const Operation& operation) {
    const OpInfo& rules = info(operation.op);
    ++operations_;
    decided_ += operation.sharing != Sharing::undecided;
    if (operation.sharing != Sharing::undecided && !contains(rules.sharings, operation.sharing))
      complain(fmt::format("{} cannot be shared out by {}", rules.name, name(operation.sharing)));
    const bool sound = check_operands(operation, rules);
    check_weights(block, operation, rules);
    for (const int result : operation.results) {
      give(result);
      if (is_known(result) && !contains(rules.results, type(result).kind))
        complain(fmt::format("{} gives no {}", rules.name, name(type(result).kind)));
    }
    const bool has_results = !operation.results.empty() && std::ranges::all_of(operation.results, [&](int v) {
      return v >= 0 && v < static_cast<int>(known_.size());
    });
    if (!has_results) complain(fmt::format("{} has no result", rules.name));
    if (operation.op != Op::matmul && operation.results.size() > 1)
      complain(fmt::format("{} has one result", rules.name));
    if (sound && has_results) check_copies(operation);
    if (sound && has_results) check_widths(block, operation);
  }

  bool check_operands(const Operation& operation, const OpInfo& rules) {
    size_t wanted = 0;
    for (const OperandInfo& operand : rules.operands) wanted += operand.kinds != 0;
    if (operation.op == Op::matmul && operation.epilogue == ir::Epilogue::plain) wanted = 1;
    if (operation.operands.size() != wanted) {
      complain(fmt::format("{} reads {} values, not {}", rules.name, wanted, operation.operands.size()));
      return false;
    }
    bool sound = true;
    for (size_t i = 0; i < wanted; ++i) {
      const int operand = operation.operands[i];
      if (!is_known(operand)) {
        complain(operand >= 0 && operand < static_cast<int>(known_.size())
                     ? fmt::format("%{} is not known here", at(operand).name)
                     : "an operand is not in the graph");
        sound = false;
      } else if (!contains(rules.operands[i].kinds, type(operand).kind)) {
        complain(fmt::format("{} cannot read %{}, a value of type {}", rules.name, at(operand).name,
                             name(type(operand).kind)));
        sound = false;
      }
    }
    return sound;
  }

  void check_weights(const Block& block, const Operation& operation, const OpInfo& rules) {
    const bool has_weights = contains(rules.attributes, Attribute::weights);
    const bool may_lack_them = operation.op == Op::rope_angles;
    const size_t most = operation.op == Op::delta_rule ? 2 : 1;
    if (has_weights == operation.weights.empty() && !may_lack_them)
      complain(fmt::format("{} {} weights", rules.name, has_weights ? "needs" : "has no"));
    if (operation.op != Op::matmul && operation.weights.size() > most)
      complain(fmt::format("{} has weights of one role", rules.name));
    if (operation.op == Op::delta_rule && operation.weights.size() != most)
      complain(fmt::format("{} has weights of two roles", rules.name));
    const bool reads_vectors = operation.op == Op::rms_norm || operation.op == Op::rope_angles ||
                               operation.op == Op::convolve || operation.op == Op::delta_rule;
    for (const WeightRole role : operation.weights) {
      if (info(role).of_layer != (block.layers > 0))
        complain(fmt::format("{} are weights of {}", name(role),
                             info(role).of_layer ? "a layer" : "the whole model"));
      if (info(role).is_norm != reads_vectors)
        complain(fmt::format("{} cannot use {}", rules.name, name(role)));
    }
    // An attribute that the operation does not have must keep its initial value, because print leaves it out.
    Operation told = operation;
    for (size_t i = 0; i < attributes.size(); ++i) {
      const auto attribute = static_cast<Attribute>(i);
      if (contains(rules.attributes, attribute)) continue;
      clear(told, attribute);
      if (told != operation && attribute != Attribute::weights)
        complain(fmt::format("{} has no attribute {}", rules.name, name(attribute)));
      told = operation;
    }
  }

  static void clear(Operation& operation, Attribute attribute) {
    const Operation neutral;
    switch (attribute) {
      case Attribute::weights: operation.weights = neutral.weights; return;
      case Attribute::epsilon: operation.epsilon = neutral.epsilon; return;
      case Attribute::base: operation.base = neutral.base; return;
      case Attribute::divisor: operation.divisor = neutral.divisor; return;
      case Attribute::context: operation.context = neutral.context; return;
      case Attribute::magnitude: operation.magnitude = neutral.magnitude; return;
      case Attribute::pairs: operation.pairs = neutral.pairs; return;
      case Attribute::window: operation.window = neutral.window; return;
      case Attribute::experts: operation.experts = neutral.experts; return;
      case Attribute::block: operation.block = neutral.block; return;
      case Attribute::part: operation.part = neutral.part; return;
      case Attribute::limit: operation.limit = neutral.limit; return;
      case Attribute::factor: operation.factor = neutral.factor; return;
      case Attribute::heads: operation.heads = neutral.heads; return;
      case Attribute::kv_heads: operation.kv_heads = neutral.kv_heads; return;
      case Attribute::function: operation.function = neutral.function; return;
      case Attribute::epilogue: operation.epilogue = neutral.epilogue; return;
    }
  }

  // Which operations read and give rows for each expert of a token.
  void check_copies(const Operation& operation) {
    const auto copies = [&](size_t operand) { return type(operation.operands[operand]).copies; };
    const auto experts = [&](size_t operand) { return type(operation.operands[operand]).width; };
    const int64_t result = type(operation.results[0]).copies;
    const auto expect = [&](bool right) {
      if (!right) complain(fmt::format("{} mixes rows of tokens and of their experts", name(operation.op)));
    };
    switch (operation.op) {
      case Op::gather: return expect(copies(0) == 0 && result == experts(1));
      // One row that all of its experts read: see fuse_gather.
      case Op::expert_matmul:
        return expect((copies(0) == 0 || copies(0) == experts(1)) && result == experts(1));
      case Op::expert_gate:
        return expect(copies(0) == experts(2) && copies(1) == experts(2) && result == experts(2));
      case Op::mix: return expect(copies(0) == experts(1) && result == 0);
      case Op::embed:
      case Op::rope_angles:
      case Op::center:
      case Op::rms_norm:
      case Op::quantize:
      case Op::matmul:
      case Op::rope:
      case Op::store:
      case Op::attend:
      case Op::combine:
      case Op::add:
      case Op::gate:
      case Op::activate:
      case Op::scale:
      case Op::select:
      case Op::rotate:
      case Op::part:
      case Op::convolve:
      case Op::delta_rule:
      case Op::route: {
        bool none = true;
        for (const int value : operation.operands) none &= type(value).copies == 0;
        for (const int value : operation.results) none &= type(value).copies == 0;
        return expect(none);
      }
    }
  }

  void check_widths(const Block& block, const Operation& operation) {
    const auto width = [&](size_t operand) { return type(operation.operands[operand]).width; };
    const int64_t result = type(operation.results[0]).width;
    const auto expect_result = [&](int64_t wanted) {
      if (result != wanted)
        complain(fmt::format("{} gives a width of {}, not {}", name(operation.op), wanted, result));
    };
    const auto expect_heads = [&](int64_t heads, int64_t of) {
      if (heads < 1 || of % heads != 0)
        complain(fmt::format("{} heads cannot share a width of {}", heads, of));
      return heads < 1 ? of : of / heads;
    };
    switch (operation.op) {
      case Op::embed:
        if (operation.block != 0) check_block(operation, result);
        return check_factor(operation);
      case Op::rope_angles:
        if (!(operation.base > 0)) complain("the base of angles must be above 0");
        if (!(operation.divisor > 0)) complain("the divisor of frequencies must be above 0");
        if (!(operation.magnitude > 0)) complain("the magnitude of angles must be above 0");
        if (operation.context < 0) complain("a context has at least one token");
        if (result % 2 != 0) complain("there must be as many sines as cosines");
        return;
      case Op::rms_norm:
        if (!(operation.epsilon > 0)) complain("epsilon must be above 0");
        if (operation.heads != 0) expect_heads(operation.heads, width(0));
        if (operation.sharing != Sharing::undecided &&
            (operation.heads != 0) != (operation.sharing == Sharing::heads))
          complain("a norm over heads is shared out by heads, one over rows is not");
        return expect_result(width(0));
      case Op::center:
      case Op::activate:
      case Op::quantize: return expect_result(width(0));
      case Op::matmul: return check_matmul(operation);
      case Op::rope: {
        expect_result(width(0));
        const int64_t dimension = expect_heads(operation.heads, width(0));
        if (width(1) % 2 != 0 || width(1) > dimension)
          complain(fmt::format("{} cosines and sines cannot turn a head of {}", width(1), dimension));
        return;
      }
      case Op::store:
        if (width(0) != width(1)) complain("keys and values differ in width");
        expect_heads(operation.heads, width(0));
        return expect_result(width(0));
      case Op::attend:
        expect_result(width(0));
        if (operation.window < 0) complain("a window has at least one position");
        if (expect_heads(operation.heads, width(0)) != expect_heads(operation.kv_heads, width(1)))
          complain("heads of queries and of keys differ in width");
        if (operation.kv_heads > 0 && operation.heads % operation.kv_heads != 0)
          complain(fmt::format("{} heads cannot share {} key-value heads evenly", operation.heads,
                               operation.kv_heads));
        return;
      case Op::combine: expect_heads(operation.heads, width(0)); return expect_result(width(0));
      case Op::scale: check_factor(operation); return expect_result(width(0));
      case Op::add:
      case Op::gate:
        check_factor(operation);
        if (!(operation.limit >= 0)) complain("the limit of a gate must be above 0");
        if (operation.limit > 0 && operation.function != Activation::silu)
          complain("only a gate of silu has a limit");
        if (width(0) != width(1)) complain(fmt::format("{} reads two widths", name(operation.op)));
        return expect_result(width(0));
      case Op::route:
        if (result > width(0)) complain(fmt::format("{} of {} experts cannot be chosen", result, width(0)));
        return;
      case Op::gather:
        if (type(operation.results[0]).kind != type(operation.operands[0]).kind ||
            type(operation.results[0]).group != type(operation.operands[0]).group)
          complain("gather gives rows of another kind");
        return expect_result(width(0));
      case Op::expert_matmul:
        if (operation.experts < width(1))
          complain(fmt::format("{} of {} experts cannot be chosen", width(1), operation.experts));
        return;
      case Op::expert_gate:
        if (width(0) != width(1)) complain("expert_gate reads two widths");
        if (!(operation.limit >= 0)) complain("the limit of a gate must be above 0");
        if (operation.limit > 0 && operation.function != Activation::silu)
          complain("only a gate of silu has a limit");
        return expect_result(width(0));
      case Op::mix: return expect_result(width(0));
      case Op::rotate:
        check_block(operation, width(0));
        if (operation.heads != 0) {
          expect_heads(operation.heads, width(0));
          expect_heads(operation.kv_heads, operation.heads);
        }
        return expect_result(width(0));
      case Op::part: {
        const int64_t from = expect_heads(operation.heads, width(0)),
                      to = expect_heads(operation.heads, result);
        if (operation.part < 0 || operation.part >= from / to)
          complain(fmt::format("a head of {} has no part {} of {}", from, operation.part, to));
        return;
      }
      case Op::convolve:
        if (operation.window < 1) complain("a window has at least one position");
        return expect_result(width(0));
      case Op::delta_rule: {
        if (!(operation.epsilon > 0)) complain("epsilon must be above 0");
        const int64_t head = expect_heads(operation.heads, result);
        expect_heads(operation.kv_heads, operation.heads);
        if (width(0) != 2 * operation.kv_heads * head + result)
          complain(fmt::format("delta_rule reads queries, keys and values of {}, not of {}",
                               2 * operation.kv_heads * head + result, width(0)));
        if (width(1) != operation.heads || width(2) != operation.heads)
          complain("delta_rule reads one alpha and one beta of each head");
        return;
      }
      case Op::select:
        ++selects_;
        if (block.layers > 0) complain("select stands after the layers");
        return expect_result(width(0));
    }
  }

  void check_block(const Operation& operation, int64_t width) {
    const int64_t block = operation.block;
    if (block < 1 || (block & (block - 1)) != 0 || width % block != 0)
      complain(fmt::format("a width of {} has no blocks of {}: they must be a power of two", width, block));
  }

  void check_factor(const Operation& operation) {
    if (!std::isfinite(operation.factor)) complain("a factor must be finite");
  }

  void check_matmul(const Operation& operation) {
    const bool quantizes = type(operation.results.back()).kind == ValueKind::i8;
    const bool exact = type(operation.operands[0]).kind == ValueKind::i8;
    const size_t products = operation.results.size() - quantizes;
    if (products != operation.weights.size())
      complain(fmt::format("matmul has {} results for {} weights", products, operation.weights.size()));
    for (size_t i = 0; i < products; ++i) {
      if (type(operation.results[i]).kind != ValueKind::f32) complain("only the last result may be i8");
    }
    if (quantizes && type(operation.results.back()).group != 0)
      complain("a product quantises whole rows, not groups");
    const bool more = quantizes || operation.epilogue != ir::Epilogue::plain;
    if (more && products != 1) complain("only a product of one matrix has an epilogue or quantises its rows");
    if ((more || products > 1) && !exact) complain("only a product of i8 does more than its sums");
    const int64_t width = type(operation.results[0]).width;
    if (quantizes && type(operation.results.back()).width != width)
      complain("the quantised rows have another width");
    if (operation.epilogue != ir::Epilogue::plain && type(operation.operands[1]).width != width)
      complain("what the epilogue reads has another width");
    if (quantizes && operation.sharing != Sharing::undecided && operation.sharing != Sharing::rows)
      complain("rows that are quantised must be whole: they are shared out by rows");
    if (!quantizes && operation.sharing == Sharing::rows) complain("matmul is shared out by columns");
  }

  static constexpr int64_t max_copies = 4096;
  static constexpr int64_t widest = int64_t{1} << 32;

  const Graph& graph_;
  const GraphLocations& locations_;
  std::vector<bool> known_, given_;
  std::vector<Error> errors_;
  int block_ = 0, index_ = -1, selects_ = 0, operations_ = 0, decided_ = 0;
  int64_t next_layer_ = 0;
};

}  // namespace

std::vector<Error> verify(const Graph& graph, const GraphLocations& locations) {
  std::vector<Error> errors = Verifier(graph, locations).run();
  if (!errors.empty()) return errors;
  return verify_sharing(graph, locations);
}

}  // namespace tern::runtime
