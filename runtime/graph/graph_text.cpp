// print and parse of the Graph.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "ir/lexer.h"
#include "runtime/graph/graph.h"

namespace tern::runtime {
namespace {

constexpr std::array<std::string_view, 4> functions = {"relu_squared", "silu", "gelu",
                                                       "sigmoid"};                    // by Activation
constexpr std::array<std::string_view, 2> pairings = {"halves", "adjacent"};          // by RopeStyle
constexpr std::array<std::string_view, 3> epilogues = {"plain", "residual", "gate"};  // by ir::Epilogue

// ---- print ----

class Printer {
 public:
  explicit Printer(const Graph& graph) : graph_(graph) {}

  std::string run() {
    text_ = fmt::format("graph @{} {{\n", graph_.name);
    if (!graph_.buffers.empty()) print_buffers();
    for (const Block& block : graph_.blocks) print_block(block);
    return text_ + fmt::format("  return {}\n}}\n", value(graph_.logits));
  }

 private:
  void print_buffers() {
    text_ += "  buffers {\n";
    for (size_t i = 0; i < graph_.buffers.size(); ++i) {
      const GraphBuffer& buffer = graph_.buffers[i];
      text_ += fmt::format("    b{} {}{}{}\n", i, print(buffer.type), buffer.per_thread ? " per thread" : "",
                           buffer.zero_padded ? " zero padded" : "");
    }
    text_ += "  }\n";
  }

  std::string value(int index) const { return "%" + graph_.values[static_cast<size_t>(index)].name; }
  std::string list(const std::vector<int>& values) const {
    std::vector<std::string> names;
    for (const int index : values) names.push_back(value(index));
    return fmt::format("{}", fmt::join(names, ", "));
  }
  std::string slot_text(int index) const {
    const Slot& slot = graph_.values[static_cast<size_t>(index)].slot;
    if (slot.buffer < 0) return "";
    return fmt::format(" in b{}", slot.buffer) + (slot.column == 0 ? "" : fmt::format("+{}", slot.column));
  }

  void print_block(const Block& block) {
    if (block.layers == 0) {
      for (const Operation& operation : block.operations) print_operation(operation, "  ");
      return;
    }
    std::vector<std::string> carried;
    std::vector<int> next;
    for (const Carried& each : block.carried) {
      carried.push_back(
          fmt::format("{} = {}{}", value(each.argument), value(each.initial), slot_text(each.argument)));
      next.push_back(each.next);
    }
    text_ += fmt::format("  layers {}..{}", block.first_layer, block.first_layer + block.layers - 1);
    if (!carried.empty()) text_ += fmt::format(" with {}", fmt::join(carried, ", "));
    text_ += " {\n";
    for (const Operation& operation : block.operations) print_operation(operation, "    ");
    if (!next.empty()) text_ += fmt::format("    next {}\n", list(next));
    text_ += "  }\n";
  }

  // "name value", or nothing for the value that stands for "not there".
  template <class T>
  static std::string unless(T value, T neutral, std::string_view name) {
    return value == neutral ? "" : fmt::format("{} {}", name, value);
  }

  std::string attribute(const Operation& operation, Attribute attribute) const {
    switch (attribute) {
      case Attribute::weights: {
        if (operation.weights.empty()) return "";
        std::string text = "weights";
        for (const WeightRole role : operation.weights) text += fmt::format(" {}", name(role));
        return text;
      }
      case Attribute::epsilon: return fmt::format("epsilon {}", operation.epsilon);
      case Attribute::base: return fmt::format("base {}", operation.base);
      case Attribute::divisor: return unless(operation.divisor, 1.0f, "divisor");
      case Attribute::context: return unless(operation.context, int64_t{0}, "context");
      case Attribute::magnitude: return unless(operation.magnitude, 1.0f, "magnitude");
      case Attribute::heads:
        if ((operation.op == Op::rms_norm || operation.op == Op::rotate) && operation.heads == 0) return "";
        return fmt::format("heads {}", operation.heads);
      case Attribute::kv_heads:
        if (operation.op == Op::rotate && operation.kv_heads == 0) return "";
        return fmt::format("kv_heads {}", operation.kv_heads);
      case Attribute::block: return unless(operation.block, int64_t{0}, "block");
      case Attribute::part: return fmt::format("part {}", operation.part);
      case Attribute::pairs:
        if (operation.pairs == RopeStyle::neox) return "";
        return fmt::format("pairs {}", pairings[static_cast<size_t>(operation.pairs)]);
      case Attribute::experts: return fmt::format("experts {}", operation.experts);
      case Attribute::window: return unless(operation.window, int64_t{0}, "window");
      case Attribute::limit: return unless(operation.limit, 0.0f, "limit");
      case Attribute::factor: return unless(operation.factor, 1.0f, "factor");
      case Attribute::function:
        return fmt::format("function {}", functions[static_cast<size_t>(operation.function)]);
      case Attribute::epilogue:
        if (operation.epilogue == ir::Epilogue::plain) return "";
        return fmt::format("epilogue {}", epilogues[static_cast<size_t>(operation.epilogue)]);
    }
    return "";
  }

  void print_operation(const Operation& operation, std::string_view indent) {
    text_ += fmt::format("{}{} = {}", indent, list(operation.results), name(operation.op));
    if (!operation.operands.empty()) text_ += fmt::format(" {}", list(operation.operands));
    std::vector<std::string> told;
    for (size_t i = 0; i < attributes.size(); ++i) {
      const auto each = static_cast<Attribute>(i);
      if (!contains(info(operation.op).attributes, each)) continue;
      if (std::string text = attribute(operation, each); !text.empty()) told.push_back(std::move(text));
    }
    if (!told.empty()) text_ += fmt::format(" {{ {} }}", fmt::join(told, ", "));
    std::vector<std::string> types;
    for (const int index : operation.results)
      types.push_back(print(graph_.values[static_cast<size_t>(index)].type) + slot_text(index));
    text_ += fmt::format(" : {}", fmt::join(types, ", "));
    if (operation.sharing != Sharing::undecided) text_ += fmt::format(" by {}", name(operation.sharing));
    text_ += "\n";
    if (operation.meet_after) text_ += fmt::format("{}meet\n", indent);
  }

  const Graph& graph_;
  std::string text_;
};

// ---- parse ----

class Parser {
 public:
  Parser(std::string_view text, std::string_view file) : in_(text, file) {}

  Expected<ParsedGraph> run() {
    in_.expect_all("graph @");
    graph_.name = in_.word("the graph's name");
    in_.expect("{");
    if (in_.accept("buffers")) parse_buffers();
    while (!in_.failed() && !in_.accept("return")) {
      if (in_.accept("layers"))
        parse_layers();
      else
        parse_operation(once());
    }
    graph_.logits = known_value();
    in_.expect("}");
    in_.expect_end();
    if (in_.failed()) return in_.error();
    return std::move(parsed_);
  }

 private:
  template <size_t size>
  size_t one_of(const std::array<std::string_view, size>& names, std::string_view what) {
    const Location where = in_.here();
    const std::string word = in_.word(what);
    const auto found = std::ranges::find(names, word);
    if (found == names.end() && !in_.failed())
      in_.fail(fmt::format("'{}' is not {}: {}", word, what, fmt::join(names, ", ")), where);
    return found == names.end() ? 0 : static_cast<size_t>(found - names.begin());
  }

  ValueType parse_type() {
    ValueType type;
    type.kind = static_cast<ValueKind>(one_of(value_kinds, "a type of value"));
    in_.expect("[");
    type.width = in_.integer("a width");
    if (in_.accept("by")) type.group = in_.integer("the numbers of a group");
    if (in_.accept("for")) type.copies = in_.integer("a number of experts");
    in_.expect("]");
    return type;
  }

  // "b3"
  int parse_buffer() {
    const Location where = in_.here();
    const std::string word = in_.word("a buffer");
    const bool is_number = word.size() > 1 && word.size() < 8 && word[0] == 'b' &&
                           std::ranges::all_of(word.substr(1), [](char c) { return c >= '0' && c <= '9'; });
    if (!is_number && !in_.failed())
      in_.fail(fmt::format("expected a buffer such as b0 but found '{}'", word), where);
    return is_number ? std::stoi(word.substr(1)) : -1;
  }

  void parse_buffers() {
    in_.expect("{");
    while (!in_.failed() && !in_.accept("}")) {
      const Location where = in_.here();
      if (parse_buffer() != static_cast<int>(graph_.buffers.size()))
        in_.fail(fmt::format("expected buffer b{}", graph_.buffers.size()), where);
      GraphBuffer buffer{parse_type(), false, false};
      buffer.per_thread = in_.accept("per");
      if (buffer.per_thread) in_.expect("thread");
      buffer.zero_padded = in_.accept("zero");
      if (buffer.zero_padded) in_.expect("padded");
      graph_.buffers.push_back(buffer);
    }
  }

  Slot parse_slot() {
    if (!in_.accept("in")) return {};
    Slot slot{parse_buffer(), 0};
    if (in_.accept("+")) slot.column = in_.integer("a column");
    return slot;
  }

  // "%name", given here.
  int new_value() {
    const Location where = in_.here();
    in_.expect("%");
    std::string name = in_.word("a value's name");
    if (!in_.failed() && find_value(graph_, name) >= 0)
      in_.fail(fmt::format("%{} is given twice", name), where);
    graph_.values.push_back({std::move(name), {}, {}});
    return static_cast<int>(graph_.values.size()) - 1;
  }
  int known_value() {
    const Location where = in_.here();
    in_.expect("%");
    const std::string name = in_.word("a value's name");
    const int index = find_value(graph_, name);
    if (index < 0 && !in_.failed()) in_.fail(fmt::format("%{} is not known here", name), where);
    return index;
  }
  Value& at(int index) { return graph_.values[static_cast<size_t>(index)]; }

  // The last block if it is of no layer, else a new one.
  Block& once() {
    if (graph_.blocks.empty() || graph_.blocks.back().layers != 0) add_block();
    return graph_.blocks.back();
  }
  Block& add_block() {
    parsed_.locations[{static_cast<int>(graph_.blocks.size()), -1}] = in_.here();
    return graph_.blocks.emplace_back();
  }

  void parse_layers() {
    Block& block = add_block();
    const Location where = in_.here();
    block.first_layer = in_.integer("the first layer");
    in_.expect("..");
    block.layers = in_.integer("the last layer") - block.first_layer + 1;
    if (block.layers < 1) in_.fail("the last layer comes before the first", where);
    if (in_.accept("with")) {
      do {
        Carried carried;
        carried.argument = new_value();
        in_.expect("=");
        carried.initial = known_value();
        if (in_.failed()) return;
        at(carried.argument).type = at(carried.initial).type;
        at(carried.argument).slot = parse_slot();
        block.carried.push_back(carried);
      } while (in_.accept(","));
    }
    in_.expect("{");
    while (!in_.failed() && in_.peek() != "next" && in_.peek() != "}") parse_operation(block);
    if (!block.carried.empty()) in_.expect("next");
    for (size_t i = 0; i < block.carried.size(); ++i) {
      if (i > 0) in_.expect(",");
      block.carried[i].next = known_value();
    }
    in_.expect("}");
  }

  void parse_attribute(Operation& operation) {
    const Location where = in_.here();
    const auto attribute = static_cast<Attribute>(one_of(attributes, "an attribute"));
    if (!in_.failed() && !contains(info(operation.op).attributes, attribute))
      in_.fail(fmt::format("{} has no attribute {}", name(operation.op), name(attribute)), where);
    switch (attribute) {
      case Attribute::weights:
        while (!in_.failed() && in_.peek() != "," && in_.peek() != "}") {
          const Location role_place = in_.here();
          const std::string word = in_.word("the role of weights");
          const std::optional<WeightRole> role = weight_role_named(word);
          if (role)
            operation.weights.push_back(*role);
          else
            in_.fail(fmt::format("'{}' is no role of weights", word), role_place);
        }
        return;
      case Attribute::epsilon: operation.epsilon = in_.number("epsilon"); return;
      case Attribute::base: operation.base = in_.number("the base of angles"); return;
      case Attribute::divisor: operation.divisor = in_.number("a divisor of frequencies"); return;
      case Attribute::context: operation.context = in_.integer("a number of tokens"); return;
      case Attribute::magnitude: operation.magnitude = in_.number("a factor of cosines and sines"); return;
      case Attribute::pairs:
        operation.pairs = static_cast<RopeStyle>(one_of(pairings, "a way to pair the elements of a head"));
        return;
      case Attribute::experts: operation.experts = in_.integer("a number of experts"); return;
      case Attribute::window: operation.window = in_.integer("a number of positions"); return;
      case Attribute::block: operation.block = in_.integer("the numbers of a block"); return;
      case Attribute::part: operation.part = in_.integer("the index of a part"); return;
      case Attribute::limit: operation.limit = in_.number("a limit"); return;
      case Attribute::factor: operation.factor = in_.number("a factor"); return;
      case Attribute::heads: operation.heads = in_.integer("a number of heads"); return;
      case Attribute::kv_heads: operation.kv_heads = in_.integer("a number of heads"); return;
      case Attribute::function:
        operation.function = static_cast<Activation>(one_of(functions, "a function of a gate"));
        return;
      case Attribute::epilogue:
        operation.epilogue = static_cast<ir::Epilogue>(one_of(epilogues, "an epilogue"));
        return;
    }
  }

  void parse_operation(Block& block) {
    parsed_
        .locations[{static_cast<int>(graph_.blocks.size()) - 1, static_cast<int>(block.operations.size())}] =
        in_.here();
    Operation operation;
    do operation.results.push_back(new_value());
    while (in_.accept(","));
    in_.expect("=");
    const Location where = in_.here();
    const std::string word = in_.word("an operation");
    const std::optional<Op> op = op_named(word);
    if (!op) in_.fail(fmt::format("'{}' is no operation", word), where);
    operation.op = op.value_or(Op::embed);
    if (in_.peek() == "%") {
      do operation.operands.push_back(known_value());
      while (in_.accept(","));
    }
    if (in_.accept("{")) {
      do parse_attribute(operation);
      while (in_.accept(","));
      in_.expect("}");
    }
    in_.expect(":");
    for (size_t i = 0; i < operation.results.size() && !in_.failed(); ++i) {
      if (i > 0) in_.expect(",");
      at(operation.results[i]).type = parse_type();
      at(operation.results[i]).slot = parse_slot();
    }
    if (in_.accept("by")) operation.sharing = static_cast<Sharing>(one_of(sharings, "a way to share"));
    operation.meet_after = in_.accept("meet");
    block.operations.push_back(std::move(operation));
  }

  ir::Lexer in_;
  ParsedGraph parsed_;
  Graph& graph_ = parsed_.graph;
};

}  // namespace

std::string print(const ValueType& type) {
  const std::string group = type.group != 0 ? fmt::format(" by {}", type.group) : "";
  const std::string copies = type.copies != 0 ? fmt::format(" for {}", type.copies) : "";
  return fmt::format("{}[{}{}{}]", name(type.kind), type.width, group, copies);
}

std::string print(const Graph& graph) {
  return Printer(graph).run();
}

Expected<ParsedGraph> parse_graph(std::string_view text, std::string_view file) {
  return Parser(text, file).run();
}

}  // namespace tern::runtime
