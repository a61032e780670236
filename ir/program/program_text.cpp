// print and parse of the Program.
#include <fmt/format.h>

#include <map>
#include <optional>

#include "ir/lexer.h"
#include "ir/program/program.h"

namespace tern::ir {
namespace {

class Printer {
 public:
  explicit Printer(const Program& program) : program_(program) {}

  std::string run() {
    text_ = fmt::format("program @{} {{\n", program_.name);
    for (const Buffer& buffer : program_.buffers) {
      text_ += fmt::format("  {} {}: {}[{}] align {}", name(buffer.kind), buffer.name, name(buffer.element),
                           buffer.size, buffer.alignment);
      if (buffer.has_promise()) text_ += fmt::format(" values {}..{}", buffer.lowest, buffer.highest);
      text_ += "\n";
    }
    for (const Table& table : program_.tables)
      text_ += fmt::format("  table {}: {} {{{}}}\n", table.name, name(table.element),
                           fmt::join(table.values, ", "));
    for (const RegisterArray& array : program_.registers) {
      text_ += fmt::format("  register {}: {}", array.name, ir::print(array.type));
      text_ += array.count == 1 ? "\n" : fmt::format("[{}]\n", array.count);
    }
    print_body(program_.body, 1);
    return text_ + "}\n";
  }

  std::string print(const Instruction& instruction);

 private:
  std::string print(const Affine& affine) {
    std::string text;
    for (const Affine::Term& term : affine.terms) {
      const std::string& variable = program_.variables[term.variable];
      if (!text.empty()) text += " + ";
      text += term.factor == 1 ? variable : fmt::format("{} * {}", term.factor, variable);
    }
    if (text.empty()) return fmt::format("{}", affine.constant);
    return affine.constant == 0 ? text : text + fmt::format(" + {}", affine.constant);
  }

  std::string print(const RegisterUse& use) {
    const RegisterArray& array = program_.registers[use.array];
    return array.count == 1 ? array.name : fmt::format("{}[{}]", array.name, print(use.index));
  }

  void print_body(const Body& body, int depth) {
    const std::string indent(2 * depth, ' ');
    for (const Statement& statement : body) {
      if (const Instruction* instruction = std::get_if<Instruction>(&statement)) {
        text_ += indent + print(*instruction) + "\n";
        continue;
      }
      const Loop& loop = std::get<Loop>(statement);
      text_ += fmt::format("{}{} {} in 0..{} {{\n", indent, name(loop.kind),
                           program_.variables[loop.variable], loop.trips);
      print_body(loop.body, depth + 1);
      text_ += indent + "}\n";
    }
  }

  const Program& program_;
  std::string text_;
};

std::string Printer::print(const Instruction& instruction) {
  const OpInfo& op = info(instruction.op);
  std::string text = op.has_result ? print(instruction.result) + " = " : "";
  text += op.name;
  const char* separator = " ";
  const auto append = [&](const std::string& part) {
    text += separator + part;
    separator = ", ";
  };
  if (op.has_address)
    append(fmt::format("{}[{}]", program_.buffers[instruction.buffer].name, print(instruction.address)));
  if (instruction.op == Op::table) append(program_.tables[instruction.immediate].name);
  for (const RegisterUse& operand : instruction.operands) append(print(operand));
  if (op.has_immediate) append(fmt::format("{}", instruction.immediate));
  return text;
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view file) : in_(text, file) {}

  Expected<Program> run() {
    in_.expect_all("program @");
    program_.name = in_.word("the program's name");
    in_.expect("{");
    parse_buffers();
    while (in_.accept("table")) parse_table();
    while (in_.accept("register")) parse_register();
    program_.body = parse_body(0);
    in_.expect_end();
    if (in_.failed()) return in_.error();
    return std::move(program_);
  }

 private:
  void define(std::map<std::string, int>& names, const std::string& text, int id, Location where) {
    if (!in_.failed() && !names.emplace(text, id).second)
      in_.fail(fmt::format("'{}' is defined twice", text), where);
  }

  int find(const std::map<std::string, int>& names, std::string_view what) {
    const Location where = in_.here();
    const std::string text = in_.word(what);
    const auto found = names.find(text);
    if (found != names.end()) return found->second;
    in_.fail(fmt::format("'{}' is not {} that was defined before", text, what), where);
    return 0;
  }

  void parse_buffers() {
    const auto kind = [&]() -> std::optional<BufferKind> {
      for (BufferKind candidate : {BufferKind::input, BufferKind::output, BufferKind::scratch}) {
        if (in_.peek() == name(candidate)) return candidate;
      }
      return std::nullopt;
    };
    while (kind()) {
      Buffer buffer;
      buffer.kind = *kind();
      in_.accept(in_.peek());
      const Location where = in_.here();
      buffer.name = in_.word("a buffer's name");
      buffer.role = role_named(buffer.name);
      define(buffers_, buffer.name, static_cast<int>(program_.buffers.size()), where);
      in_.expect(":");
      const Location type_place = in_.here();
      const std::optional<Element> element = element_named(in_.word("an element type"));
      if (!element || !has_storage(*element)) in_.fail("a buffer needs an element type", type_place);
      buffer.element = element.value_or(Element::u8);
      in_.expect("[");
      buffer.size = in_.integer("a size in elements");
      in_.expect_all("] align");
      buffer.alignment = in_.integer("an alignment");
      if (in_.accept("values")) {
        buffer.lowest = in_.integer("the lowest value");
        in_.expect("..");
        buffer.highest = in_.integer("the highest value");
      }
      program_.buffers.push_back(std::move(buffer));
    }
  }

  void parse_table() {
    Table table;
    const Location where = in_.here();
    table.name = in_.word("a table's name");
    define(tables_, table.name, static_cast<int>(program_.tables.size()), where);
    in_.expect(":");
    const Location type_place = in_.here();
    const std::optional<Element> element = element_named(in_.word("an element type"));
    if (!element || !has_storage(*element)) in_.fail("a table needs an element type", type_place);
    table.element = element.value_or(Element::u8);
    in_.expect("{");
    do {
      table.values.push_back(in_.integer("a value"));
    } while (in_.accept(","));
    in_.expect("}");
    program_.tables.push_back(std::move(table));
  }

  void parse_register() {
    RegisterArray array;
    const Location where = in_.here();
    array.name = in_.word("a register's name");
    define(registers_, array.name, static_cast<int>(program_.registers.size()), where);
    in_.expect(":");
    const Location type_place = in_.here();
    const std::optional<VectorType> type = parse_vector_type(in_.word("a vector type"));
    if (!type) in_.fail("expected a vector type such as i32x16", type_place);
    array.type = type.value_or(VectorType{});
    if (in_.accept("[")) {
      array.count = in_.integer("a number of registers");
      in_.expect("]");
    }
    program_.registers.push_back(std::move(array));
  }

  void add(int64_t& sum, int64_t number, Location where) {
    if (__builtin_add_overflow(sum, number, &sum)) in_.fail("the sum is too large", where);
  }

  void add_term(Affine& affine, int variable, int64_t factor, Location where) {
    for (const Affine::Term& term : affine.terms) {
      int64_t sum = term.factor;
      if (term.variable == variable) add(sum, factor, where);
    }
    if (!in_.failed()) affine.add(variable, factor);
  }

  Affine parse_affine() {
    Affine affine;
    do {
      const Location where = in_.here();
      if (!in_.peek().empty() && (in_.peek()[0] == '-' || (in_.peek()[0] >= '0' && in_.peek()[0] <= '9'))) {
        const int64_t number = in_.integer("a number");
        if (in_.accept("*"))
          add_term(affine, find(variables_, "a loop variable"), number, where);
        else
          add(affine.constant, number, where);
      } else {
        add_term(affine, find(variables_, "a loop variable"), 1, where);
      }
    } while (in_.accept("+"));
    return affine;
  }

  RegisterUse parse_use() {
    RegisterUse use;
    use.array = find(registers_, "a register");
    if (in_.accept("[")) {
      use.index = parse_affine();
      in_.expect("]");
    }
    return use;
  }

  Instruction parse_instruction() {
    Instruction instruction;
    const std::optional<Op> storeless = op_named(in_.peek());
    const bool has_result = !storeless || info(*storeless).has_result;
    if (has_result) {
      instruction.result = parse_use();
      in_.expect("=");
    }
    const Location where = in_.here();
    const std::string word = in_.word("an operation");
    const std::optional<Op> op = op_named(word);
    if (!op || info(*op).has_result != has_result) {
      in_.fail(fmt::format("'{}' is no operation that fits here", word), where);
      return instruction;
    }
    instruction.op = *op;
    bool first = true;
    const auto separate = [&] {
      if (!first) in_.expect(",");
      first = false;
    };
    if (info(*op).has_address) {
      separate();
      instruction.buffer = find(buffers_, "a buffer");
      in_.expect("[");
      instruction.address = parse_affine();
      in_.expect("]");
    }
    if (*op == Op::table) instruction.immediate = find(tables_, "a table");
    for (int i = 0; i < info(*op).operands; ++i) {
      separate();
      instruction.operands.push_back(parse_use());
    }
    if (info(*op).has_immediate) {
      separate();
      instruction.immediate = in_.integer("an immediate");
    }
    return instruction;
  }

  Loop parse_loop(LoopKind kind, int depth) {
    Loop loop;
    loop.kind = kind;
    const Location where = in_.here();
    const std::string variable = in_.word("a loop variable");
    loop.variable = static_cast<int>(program_.variables.size());
    define(variables_, variable, loop.variable, where);
    program_.variables.push_back(variable);
    in_.expect_all("in 0 ..");
    loop.trips = in_.integer("a number of iterations");
    in_.expect("{");
    loop.body = parse_body(depth + 1);
    return loop;
  }

  Body parse_body(int depth) {
    Body body;
    if (depth > 32) in_.fail("loops are nested too deeply");
    while (!in_.failed() && !in_.accept("}")) {
      bool is_loop = false;
      for (LoopKind kind : {LoopKind::parallel, LoopKind::sequential, LoopKind::unroll}) {
        if (is_loop || !in_.accept(name(kind))) continue;
        body.push_back(parse_loop(kind, depth));
        is_loop = true;
      }
      if (!is_loop) body.push_back(parse_instruction());
    }
    return body;
  }

  Lexer in_;
  Program program_;
  std::map<std::string, int> buffers_, tables_, registers_, variables_;
};

}  // namespace

std::string print(const Program& program) {
  return Printer(program).run();
}

std::string print(const Program& program, const Instruction& instruction) {
  return Printer(program).print(instruction);
}

Expected<Program> parse_program(std::string_view text, std::string_view file) {
  return Parser(text, file).run();
}

}  // namespace tern::ir
