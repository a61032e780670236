// Structure, types and bounds of a Program. The ranges of integers are in verify_ranges.cpp.
#include <fmt/format.h>

#include <cstdlib>
#include <set>

#include "ir/lexer.h"
#include "ir/verify.h"
#include "ir/verify_ranges.h"

namespace tern::ir {
namespace {

constexpr int64_t largest_size = int64_t{1} << 40;

// Whole numbers up to this are f32 values.
constexpr int64_t largest_exact_f32 = 1 << 24;

// Words that begin something else than an operation's result.
bool starts_a_statement(std::string_view word) {
  return word == "register" || word == name(LoopKind::parallel) || word == name(LoopKind::sequential) ||
         word == name(LoopKind::unroll);
}

bool is_integer(Element element) {
  return !is_float(element) && element != Element::trit;
}

class ProgramVerifier {
 public:
  explicit ProgramVerifier(const Program& program) : program_(program), trips_(program.variables.size(), 0) {}

  std::vector<Error> run() {
    check_declarations();
    if (found_.empty()) check_body(program_.body, 1);
    if (found_.empty() && constant_indices_) {
      for (Error& error : verify_ranges(program_)) found_.push_back(std::move(error));
    }
    return std::move(found_);
  }

 private:
  void report(std::string message) { found_.push_back({std::move(message), {"", line_, column_}}); }

  void check_name(const std::string& name, std::set<std::string>& taken) {
    if (!is_word(name)) report(fmt::format("'{}' is no name: letters, digits and '_' make one", name));
    if (!taken.insert(name).second) report(fmt::format("'{}' is defined twice", name));
  }

  void check_declarations() {
    std::set<std::string> names, variables;
    check_name(program_.name, variables);
    variables.clear();
    for (const std::string& variable : program_.variables) check_name(variable, variables);
    column_ = 3;
    for (const Buffer& buffer : program_.buffers) {
      ++line_;
      check_name(buffer.name, names);
      if (buffer.size < 1 || buffer.size > largest_size)
        report(fmt::format("a buffer holds between 1 and {} elements", largest_size));
      if (buffer.alignment < 1 || buffer.alignment > 4096 || (buffer.alignment & (buffer.alignment - 1)) != 0)
        report("an alignment is a power of two of at most 4096");
      if (buffer.has_promise() &&
          (buffer.lowest > buffer.highest || !is_integer(buffer.element) ||
           buffer.lowest < lowest(buffer.element) || buffer.highest > highest(buffer.element)))
        report("the promised values do not fit the buffer's element");
      if (buffer.has_promise() && buffer.output) report("values are promised of inputs only");
    }
    for (const RegisterArray& array : program_.registers) {
      ++line_;
      check_name(array.name, names);
      if (op_named(array.name) || starts_a_statement(array.name))
        report(fmt::format("'{}' is a word of the language and cannot name a register", array.name));
      if (array.count < 1 || array.count > 4096) report("a register array holds 1 to 4096 registers");
    }
  }

  // Smallest and largest value of an affine expression within the loops around it; false if it uses a
  // variable of no such loop or its numbers are absurd.
  bool bounds(const Affine& affine, int64_t& low, int64_t& high) {
    low = high = affine.constant;
    if (affine.constant > largest_size || affine.constant < -largest_size) return false;
    for (const Affine::Term& term : affine.terms) {
      if (term.variable < 0 || term.variable >= static_cast<int>(trips_.size()) || trips_[term.variable] == 0)
        return false;
      int64_t reach = 0;
      if (__builtin_mul_overflow(term.factor, trips_[term.variable] - 1, &reach) || reach > largest_size ||
          reach < -largest_size)
        return false;
      (reach < 0 ? low : high) += reach;
    }
    return true;
  }

  bool check_use(const RegisterUse& use) {
    if (use.array < 0 || use.array >= static_cast<int>(program_.registers.size())) {
      report("an operand names no register");
      return false;
    }
    int64_t low, high;
    const RegisterArray& array = program_.registers[use.array];
    if (!use.index.terms.empty()) constant_indices_ = false;
    if (bounds(use.index, low, high) && low >= 0 && high < array.count) return true;
    report(fmt::format("an index into {} may leave its {} registers", array.name, array.count));
    return false;
  }

  VectorType type(const RegisterUse& use) const { return program_.registers[use.array].type; }

  // False if nothing more can be said of the instruction.
  bool check_place(const Instruction& instruction) {
    if (instruction.buffer < 0 || instruction.buffer >= static_cast<int>(program_.buffers.size())) {
      report("the operation names no buffer");
      return false;
    }
    int64_t low, high;
    if (bounds(instruction.address, low, high)) return true;
    report("the address uses a variable out of scope, or its numbers are too large");
    return false;
  }

  void check_address(const Instruction& instruction, int lanes) {
    const OpRow& op = row(instruction.op);
    const Buffer& buffer = program_.buffers[instruction.buffer];
    int64_t low, high;
    bounds(instruction.address, low, high);
    if (low < 0 || high + lanes > buffer.size)
      report(fmt::format("{} may touch elements {}..{} of {}, which has {}", op.name, low, high + lanes - 1,
                         buffer.name, buffer.size));
    if (instruction.op == Op::store && !buffer.output)
      report(fmt::format("{} is an input and cannot be written", buffer.name));
  }

  void require(bool holds, const Instruction& instruction, std::string_view rule) {
    if (!holds) report(fmt::format("`{}`: {}", print(program_, instruction), rule));
  }

  void check_instruction(const Instruction& instruction) {
    const OpRow& op = row(instruction.op);
    if (static_cast<int>(instruction.operands.size()) != op.operands)
      return report(fmt::format("{} takes {} operands", op.name, op.operands));
    for (const RegisterUse& operand : instruction.operands) {
      if (!check_use(operand)) return;
    }
    if (op.has_result && !check_use(instruction.result)) return;
    if (op.has_address && !check_place(instruction)) return;
    check_types(instruction);
  }

  void check_types(const Instruction& instruction) {
    const VectorType result = row(instruction.op).has_result ? type(instruction.result) : VectorType{};
    const auto operand = [&](int i) { return type(instruction.operands[i]); };
    const auto require_here = [&](bool holds, std::string_view rule) { require(holds, instruction, rule); };
    const int64_t immediate = instruction.immediate;
    switch (instruction.op) {
      case Op::constant:
        require_here(result.element == Element::f32 || is_integer(result.element),
                     "the type has no constants");
        if (result.element == Element::f32)
          require_here(std::abs(immediate) <= largest_exact_f32, "f32 may not hold the constant exactly");
        if (is_integer(result.element))
          require_here(immediate >= lowest(result.element) && immediate <= highest(result.element),
                       "the constant does not fit its type");
        return;
      case Op::load:
      case Op::splat:
        check_address(instruction, instruction.op == Op::load ? result.lanes : static_cast<int>(immediate));
        if (instruction.op == Op::splat)
          require_here((immediate == 1 || immediate == 4) && result.lanes % immediate == 0,
                       "splat repeats 1 or 4 elements over a multiple of as many lanes");
        return require_here(program_.buffers[instruction.buffer].element == result.element,
                            "the buffer's elements are of another type");
      case Op::store:
        check_address(instruction, operand(0).lanes);
        return require_here(program_.buffers[instruction.buffer].element == operand(0).element,
                            "the buffer's elements are of another type");
      case Op::prefetch:
        return require_here(immediate >= 0 && immediate <= largest_size, "the distance is out of range");
      case Op::bit_and:
        require_here(operand(0) == result && result.element == Element::u8, "and works on u8");
        return require_here(immediate >= 0 && immediate <= 255, "the mask must be one of u8");
      case Op::shift_right:
        require_here(operand(0) == result && result.element == Element::u8, "shift_right works on u8");
        return require_here(immediate >= 0 && immediate <= 7, "a u8 is shifted by 0 to 7");
      case Op::add:
      case Op::subtract:
        require_here(operand(0) == result && operand(1) == result, "all types must be the same");
        return require_here(result.element == Element::f32 || is_integer(result.element),
                            "the type cannot be added");
      case Op::multiply:
      case Op::divide:
        return require_here(operand(0) == result && operand(1) == result && result.element == Element::f32,
                            "all types must be f32 of the same lanes");
      case Op::convert: {
        const Element from = operand(0).element;
        require_here(operand(0).lanes == result.lanes, "the lanes must be as many");
        const bool widens = is_integer(from) && is_integer(result.element) &&
                            size_in_bytes(from) <= size_in_bytes(result.element);
        return require_here(result.element == Element::f32 ? from != Element::f32 : widens,
                            "a conversion goes to f32, or from an integer to one at least as wide");
      }
      case Op::dot4:
      case Op::dot2: {
        const int width = instruction.op == Op::dot4 ? 4 : 2;
        const Element accumulator = width == 4 ? Element::i32 : Element::i16;
        require_here(operand(0) == result && result.element == accumulator,
                     "the accumulator must be i32 for dot4, i16 for dot2");
        require_here(operand(1).element == Element::u8 || (width == 4 && operand(1).element == Element::i8),
                     "the second operand must be u8, or i8 for dot4");
        require_here(operand(2).element == Element::i8, "the third operand must be i8");
        require_here(width == 2 || (immediate >= 1 && immediate <= 255),
                     "the bound must be between 1 and 255");
        return require_here(operand(1).lanes == width * result.lanes && operand(2).lanes == operand(1).lanes,
                            "the factors must have 4 (dot4) or 2 (dot2) lanes for one of the sum");
      }
      case Op::widen:
        return require_here(operand(0) == result && result.element == Element::i32 &&
                                operand(1) == VectorType{Element::i16, 2 * result.lanes},
                            "widen adds pairs of i16 lanes to half as many i32 lanes");
    }
  }

  void check_body(const Body& body, int depth) {
    for (const Statement& statement : body) {
      ++line_;
      column_ = 2 * depth + 1;
      if (const Instruction* instruction = std::get_if<Instruction>(&statement)) {
        check_instruction(*instruction);
        continue;
      }
      const Loop& loop = std::get<Loop>(statement);
      if (loop.variable < 0 || loop.variable >= static_cast<int>(trips_.size()) ||
          !used_.insert(loop.variable).second) {
        report("a loop needs a variable of its own");
        return;
      }
      if (loop.trips < 1 || loop.trips > largest_size)
        report(fmt::format("a loop runs 1 to {} times", largest_size));
      if (loop.kind == LoopKind::vector) report("vector loops belong to schedules");
      if (loop.kind == LoopKind::parallel && depth > 1 && !inside_parallel_only_)
        report("a parallel loop may stand only inside parallel loops");
      const bool outer = inside_parallel_only_;
      inside_parallel_only_ = (depth == 1 || outer) && loop.kind == LoopKind::parallel;
      trips_[loop.variable] = loop.trips;
      check_body(loop.body, depth + 1);
      trips_[loop.variable] = 0;
      inside_parallel_only_ = outer;
      ++line_;  // the closing brace
    }
  }

  const Program& program_;
  std::vector<int64_t> trips_;  // of the loops around the current place; 0: not around it
  std::set<int> used_;
  bool inside_parallel_only_ = false;
  bool constant_indices_ = true;
  int line_ = 1, column_ = 1;
  std::vector<Error> found_;
};

}  // namespace

std::vector<Error> verify(const Program& program) {
  return ProgramVerifier(program).run();
}

}  // namespace tern::ir
