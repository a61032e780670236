// Structure, types and bounds of a Program. The ranges of integers are in verify_ranges.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "ir/lexer.h"
#include "ir/program/verify_program.h"
#include "ir/program/verify_ranges.h"

namespace tern::ir {
namespace {

constexpr int64_t max_size = int64_t{1} << 40;

// Scratch lives on the stack of whatever thread calls.
constexpr int64_t max_scratch = 1 << 20;

// Whole numbers up to this are f32 values.
constexpr int64_t max_exact_f32 = 1 << 24;

// f32 rounds whole numbers up to this by an addition.
constexpr int64_t max_rounded = 1 << 22;

// Words that begin something else than an operation's result.
bool starts_a_statement(std::string_view word) {
  return word == "register" || word == "table" || word == name(LoopKind::parallel) ||
         word == name(LoopKind::sequential) || word == name(LoopKind::unroll);
}

bool is_integer(Element element) {
  return !is_float(element) && has_storage(element);
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
    int64_t scratch = 0;
    if (parameters(program_).size() > max_parameters)
      report(fmt::format("a program has at most {} buffers that are not scratch", max_parameters));
    for (const Buffer& buffer : program_.buffers) {
      ++line_;
      check_name(buffer.name, names);
      if (buffer.role != role_named(buffer.name))
        report(fmt::format("'{}' is not the name of buffers with its role", buffer.name));
      if (buffer.size < 1 || buffer.size > max_size)
        report(fmt::format("a buffer holds between 1 and {} elements", max_size));
      if (buffer.alignment < 1 || buffer.alignment > 4096 || (buffer.alignment & (buffer.alignment - 1)) != 0)
        report("an alignment is a power of two of at most 4096");
      if (buffer.has_promise() &&
          (buffer.lowest > buffer.highest || !is_integer(buffer.element) ||
           buffer.lowest < lowest(buffer.element) || buffer.highest > highest(buffer.element)))
        report("the promised values do not fit the buffer's element");
      if (buffer.has_promise() && buffer.kind == BufferKind::output)
        report("values are promised of inputs and scratch only");
      if (buffer.kind == BufferKind::scratch)
        scratch += buffer.size * size_in_bytes(buffer.element);
      else if (scratch > 0)
        report("scratch comes after the buffers that a caller hands over");
      if (scratch > max_scratch)
        report(fmt::format("scratch takes more than the {} bytes that fit a stack", max_scratch));
    }
    for (const Table& table : program_.tables) {
      ++line_;
      check_name(table.name, names);
      if (!is_integer(table.element) || table.values.empty() || table.values.size() > 1024)
        report("a table holds 1 to 1024 whole numbers");
      for (const int64_t value : table.values) {
        if (is_integer(table.element) && (value < lowest(table.element) || value > highest(table.element)))
          report(fmt::format("{} does not fit {}", value, name(table.element)));
      }
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
    if (affine.constant > max_size || affine.constant < -max_size) return false;
    for (const Affine::Term& term : affine.terms) {
      if (term.variable < 0 || term.variable >= static_cast<int>(trips_.size()) || trips_[term.variable] == 0)
        return false;
      int64_t reach = 0;
      if (__builtin_mul_overflow(term.factor, trips_[term.variable] - 1, &reach) || reach > max_size ||
          reach < -max_size)
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

  void check_address(const Instruction& instruction, int64_t lanes) {
    const OpInfo& op = info(instruction.op);
    const Buffer& buffer = program_.buffers[instruction.buffer];
    int64_t low, high;
    bounds(instruction.address, low, high);
    if (low < 0 || lanes > buffer.size || high > buffer.size - lanes)
      report(fmt::format("{} may touch elements {}..{} of {}, which has {}", op.name, low, high + lanes - 1,
                         buffer.name, buffer.size));
    const bool stores = instruction.op == Op::store || instruction.op == Op::tile_store;
    if (stores && buffer.kind == BufferKind::input)
      report(fmt::format("{} is an input and cannot be written", buffer.name));
  }

  void require(bool holds, const Instruction& instruction, std::string_view rule) {
    if (!holds) report(fmt::format("`{}`: {}", print(program_, instruction), rule));
  }

  void check_instruction(const Instruction& instruction) {
    const OpInfo& op = info(instruction.op);
    if (static_cast<int>(instruction.operands.size()) != op.operands)
      return report(fmt::format("{} takes {} operands", op.name, op.operands));
    for (const RegisterUse& operand : instruction.operands) {
      if (!check_use(operand)) return;
    }
    if (op.has_result && !check_use(instruction.result)) return;
    if (op.has_address && !check_place(instruction)) return;
    check_types(instruction);
  }

  // A factor of 32 inputs has another shape on the left of a product than on its right.
  void check_side(const Instruction& instruction, int array, bool right) {
    if (program_.registers[array].type != VectorType{Element::i8, 512}) return;
    const auto known = side_.emplace(array, right).first;
    require(known->second == right, instruction,
            "an i8x512 is a left factor or a right one, in the whole program");
  }

  // Tiles are zeroed, and used by their own operations.
  bool check_tiles(const Instruction& instruction) {
    const auto is_tile = [&](const RegisterUse& use) { return ir::is_tile(type(use)); };
    const bool uses = (info(instruction.op).has_result && is_tile(instruction.result)) ||
                      std::any_of(instruction.operands.begin(), instruction.operands.end(), is_tile);
    const Op op = instruction.op;
    if (!uses || op == Op::tile_load || op == Op::tile_load_quads || op == Op::tile_store ||
        op == Op::tile_dot)
      return true;
    const bool zero = op == Op::constant && instruction.immediate == 0;
    require(zero, instruction, "a tile is no vector; it can be set to 0 alone");
    return zero;
  }

  void check_types(const Instruction& instruction) {
    const VectorType result = info(instruction.op).has_result ? type(instruction.result) : VectorType{};
    const auto operand = [&](int i) { return type(instruction.operands[i]); };
    const auto require_here = [&](bool holds, std::string_view rule) { require(holds, instruction, rule); };
    const int64_t immediate = instruction.immediate;
    if (!check_tiles(instruction)) return;
    switch (instruction.op) {
      case Op::constant:
        require_here(result.element == Element::f32 || is_integer(result.element),
                     "the type has no constants");
        if (result.element == Element::f32)
          require_here(std::abs(immediate) <= max_exact_f32, "f32 may not hold the constant exactly");
        if (is_integer(result.element))
          require_here(immediate >= lowest(result.element) && immediate <= highest(result.element),
                       "the constant does not fit its type");
        return;
      case Op::load:
      case Op::splat:
        check_address(instruction, instruction.op == Op::load ? result.lanes : immediate);
        if (instruction.op == Op::splat)
          require_here((immediate == 1 || immediate == 4 || immediate == 8) && result.lanes % immediate == 0,
                       "splat repeats 1, 4 or 8 elements over a multiple of as many lanes");
        return require_here(program_.buffers[instruction.buffer].element == result.element,
                            "the buffer's elements are of another type");
      case Op::store:
        check_address(instruction, operand(0).lanes);
        return require_here(program_.buffers[instruction.buffer].element == operand(0).element,
                            "the buffer's elements are of another type");
      case Op::prefetch:
      case Op::prefetch_l2:
        return require_here(immediate >= 0 && immediate <= max_size, "the distance is out of range");
      case Op::table: {
        const bool exists = immediate >= 0 && immediate < static_cast<int64_t>(program_.tables.size());
        require_here(exists, "there is no such table");
        if (!exists) return;
        const Table& table = program_.tables[immediate];
        return require_here(
            result.element == table.element && result.lanes % static_cast<int>(table.values.size()) == 0,
            "the lanes must hold the table's elements a whole number of times");
      }
      case Op::bit_and:
      case Op::bit_select:
        require_here(operand(0) == result && result.element == Element::u8 &&
                         (instruction.op == Op::bit_and || operand(1) == result),
                     "masks work on u8");
        return require_here(immediate >= 0 && immediate <= 255, "the mask must be one of u8");
      case Op::shift_left:
      case Op::shift_right:
        require_here(
            operand(0) == result && (result.element == Element::u8 || result.element == Element::i16 ||
                                     result.element == Element::i32),
            "u8, i16 and i32 are shifted");
        return require_here(immediate >= 0 && immediate < 8 * size_in_bytes(result.element),
                            "a shift is by fewer bits than the type has");
      case Op::multiply_low:
      case Op::multiply_high:
        require_here(operand(0) == result && result.element == Element::u8, "the type must be u8");
        return require_here(immediate >= 1 && immediate <= 255, "the factor must be between 1 and 255");
      case Op::lookup: {
        const VectorType table = operand(0);
        require_here((table.lanes & (table.lanes - 1)) == 0 && table.lanes >= 16 && table.lanes <= 256 &&
                         size_in_bytes(table.element) == 1,
                     "a table to look up has 16, 32, 64, 128 or 256 bytes");
        return require_here(
            operand(1) == VectorType{Element::u8, result.lanes} && table.element == result.element,
            "the index must be u8, as many lanes as the result, which is of the table's type");
      }
      case Op::bytes_to_i16:
        require_here(operand(0) == VectorType{Element::u8, 2 * result.lanes} &&
                         operand(1) == VectorType{Element::i8, 2 * result.lanes} &&
                         result.element == Element::i16 && result.lanes % 8 == 0,
                     "bytes_to_i16 makes i16 of half of the bytes of whole blocks, u8 and i8");
        return require_here(immediate == 0 || immediate == 1, "a block has halves 0 and 1");
      case Op::interleave_low:
      case Op::interleave_high:
        require_here(operand(0) == result && operand(1) == result && is_integer(result.element) &&
                         result.bits() % 128 == 0,
                     "whole blocks of integers are interleaved");
        return require_here((immediate == 1 || immediate == 2 || immediate == 4 || immediate == 8) &&
                                immediate >= size_in_bytes(result.element),
                            "1, 2, 4 or 8 bytes take turns, whole elements");
      case Op::add:
      case Op::subtract:
        require_here(operand(0) == result && operand(1) == result, "all types must be the same");
        return require_here(result.element == Element::f32 || is_integer(result.element),
                            "the type cannot be added");
      case Op::add_where:
      case Op::subtract_where:
        require_here(operand(0) == result && operand(1) == result && is_integer(result.element),
                     "the sum and what is added must be integers of one type");
        return require_here(result.lanes % 8 == 0 && operand(2) == VectorType{Element::u8, result.lanes / 8},
                            "a mask has a bit of u8 for each lane");
      case Op::apply_sign:
        return require_here(operand(0) == result && result.element == Element::i8 &&
                                operand(1) == VectorType{Element::u8, result.lanes},
                            "signs are the highest bits of as many u8 as there are i8");
      case Op::multiply:
      case Op::divide:
        return require_here(operand(0) == result && operand(1) == result && result.element == Element::f32,
                            "all types must be f32 of the same lanes");
      case Op::relu:
        return require_here(operand(0) == result && result.element == Element::f32,
                            "both types must be f32 of the same lanes");
      case Op::absmax:
        return require_here(operand(0) == result && operand(1) == result && result.element == Element::f32,
                            "all types must be f32 of the same lanes");
      case Op::absmax_across:
        return require_here(operand(0).element == Element::f32 && result.element == Element::f32,
                            "both types must be f32");
      case Op::add_across:
        return require_here(operand(0).element == Element::i32 && result.element == Element::i32,
                            "both types must be i32");
      case Op::round_clamp:
        require_here(operand(0) == VectorType{Element::f32, result.lanes} &&
                         (result.element == Element::i8 || result.element == Element::i32),
                     "f32 is rounded to i8 or i32 of the same lanes");
        return require_here(immediate >= 1 && immediate <= max_rounded,
                            fmt::format("the bound must be between 1 and {}", max_rounded));
      case Op::convert: {
        const Element from = operand(0).element;
        require_here(operand(0).lanes == result.lanes, "the lanes must be as many");
        const bool widens = is_integer(from) && is_integer(result.element) &&
                            size_in_bytes(from) <= size_in_bytes(result.element);
        return require_here(result.element == Element::f32 ? from != Element::f32 : widens,
                            "a conversion goes to f32, or from an integer to one at least as wide");
      }
      case Op::flip_sign:
        return require_here(
            operand(0) == VectorType{Element::i8, result.lanes} && result.element == Element::u8,
            "the sign is flipped of i8, as u8 of as many lanes");
      case Op::low_byte:
      case Op::high_byte: {
        const Element wanted = instruction.op == Op::low_byte ? Element::u8 : Element::i8;
        return require_here(operand(0).lanes == result.lanes && result.element == wanted &&
                                (operand(0).element == Element::i16 || operand(0).element == Element::i32),
                            "a byte is taken of as many i16 or i32 lanes: the low one u8, the high one i8");
      }
      case Op::dot8:
        require_here(operand(0) == result && result.element == Element::i32 && result.lanes % 4 == 0,
                     "the accumulator must be whole blocks of i32");
        return require_here(
            operand(1) == VectorType{Element::i8, 4 * result.lanes} && operand(2) == operand(1),
            "the factors must be i8, as many bytes as the accumulator");
      case Op::tile_load:
      case Op::tile_load_quads: {
        const bool quads = instruction.op == Op::tile_load_quads;
        require_here(is_tile_factor(result), "a factor of tiles is i8x1024 or i8x512");
        const int64_t row_bytes = quads ? 64 : result.lanes / 16, rows = quads ? result.lanes / 64 : 16;
        check_address(instruction, (rows - 1) * std::clamp<int64_t>(immediate, 0, max_size) + row_bytes);
        require_here(immediate >= row_bytes && immediate <= (1 << 24),
                     quads ? "rows are 64 bytes or more apart" : "rows must not overlap");
        check_side(instruction, instruction.result.array, quads);
        return require_here(program_.buffers[instruction.buffer].element == result.element,
                            "the buffer's elements are of another type");
      }
      case Op::tile_store:
        check_address(instruction, 15 * std::clamp<int64_t>(immediate, 0, max_size) + 16);
        require_here(operand(0) == VectorType{Element::i32, 256}, "a tile of sums is i32x256");
        require_here(immediate >= 16 && immediate <= (1 << 24), "rows are 16 elements or more apart");
        return require_here(program_.buffers[instruction.buffer].element == Element::i32,
                            "the buffer's elements are of another type");
      case Op::tile_dot:
        require_here(instruction.result == instruction.operands[0], "the sum must be added to in place");
        check_side(instruction, instruction.operands[1].array, false);
        check_side(instruction, instruction.operands[2].array, true);
        return require_here(result == VectorType{Element::i32, 256} && operand(0) == result &&
                                is_tile_factor(operand(1)) && operand(2) == operand(1),
                            "tile_dot adds the product of two i8x1024, or of two i8x512, to i32x256");
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
      case Op::add_pairs:
        return require_here(operand(0) == result && result.element == Element::i32 &&
                                operand(1) == VectorType{Element::i16, 2 * result.lanes},
                            "add_pairs adds pairs of i16 lanes to half as many i32 lanes");
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
      if (loop.trips < 1 || loop.trips > max_size) report(fmt::format("a loop runs 1 to {} times", max_size));
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
  std::map<int, bool> side_;    // of each array of i8x512: whether it is a right factor
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
