// The Program: an explicit list of typed vector operations inside counted loops. The interpreter executes it
// and the emitter turns it into LLVM IR.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/expected.h"
#include "ir/kernel/schedule.h"
#include "ir/program/op.h"
#include "ir/type.h"

namespace tern::ir {

// A sum of loop variables with constant factors, plus a constant: every address and register index is one.
struct Affine {
  struct Term {
    int variable = 0;  // index into Program::variables
    int64_t factor = 0;
    bool operator==(const Term&) const = default;
  };
  int64_t constant = 0;
  std::vector<Term> terms;  // ascending variables, factors other than zero
  bool operator==(const Affine&) const = default;

  // Adds factor * variable.
  void add(int variable, int64_t factor);
  // Puts `value` in the place of `variable`.
  void substitute(int variable, int64_t value);
};

enum class BufferKind : uint8_t {
  input,
  output,
  scratch,  // the program's own, empty at the start of each iteration of the parallel loops
};
std::string_view name(BufferKind kind);

// Memory that the caller hands over, but for scratch. The order of the buffers is the order of the pointers
// in a call; scratch comes last and has none.
struct Buffer {
  std::string name;
  Element element = Element::u8;
  int64_t size = 0;       // elements
  int64_t alignment = 1;  // bytes
  BufferKind kind = BufferKind::input;
  // What the caller promises of each integer in an input, and what is proved of each that is stored into
  // scratch; 0 and 0: nothing beyond its type.
  int64_t lowest = 0;
  int64_t highest = 0;
  bool has_promise() const { return lowest != 0 || highest != 0; }
  bool operator==(const Buffer&) const = default;
};

// Values that are known when the program is made: what `table` puts into a register.
struct Table {
  std::string name;
  Element element = Element::u8;
  std::vector<int64_t> values;
  bool operator==(const Table&) const = default;
};

// An array of vector registers; registers may be written more than once.
struct RegisterArray {
  std::string name;
  VectorType type;
  int64_t count = 1;
  bool operator==(const RegisterArray&) const = default;
};

struct RegisterUse {
  int array = 0;  // index into Program::registers
  Affine index;
  bool operator==(const RegisterUse&) const = default;
};

struct Instruction {
  Op op = Op::constant;
  RegisterUse result;                 // if the op has one
  std::vector<RegisterUse> operands;  // as many as the op's row says
  int buffer = 0;                     // if the op has an address: index into Program::buffers
  Affine address;                     // in elements
  int64_t immediate = 0;              // of `table`: index into Program::tables
  bool operator==(const Instruction&) const = default;
};

struct Loop;
using Statement = std::variant<Instruction, Loop>;
using Body = std::vector<Statement>;

// Runs its body for variable = 0 .. trips-1. A parallel loop runs a part of that range which the caller
// picks.
struct Loop {
  LoopKind kind = LoopKind::sequential;  // never `vector`
  int variable = 0;
  int64_t trips = 1;
  Body body;
  bool operator==(const Loop&) const;
};

struct Program {
  std::string name;
  std::vector<Buffer> buffers;
  std::vector<Table> tables;
  std::vector<RegisterArray> registers;
  std::vector<std::string> variables;  // names of loop variables, each used by one loop
  Body body;
  bool operator==(const Program&) const;
};

// The textual form; parse_program(print(x)) == x.
std::string print(const Program& program);
std::string print(const Program& program, const Instruction& instruction);
Expected<Program> parse_program(std::string_view text, std::string_view file = "program");

// Gives every loop a variable of its own, numbered by its place in the text and uniquely named.
void renumber_variables(Program& program);

// True if no loop of kind `unroll` is left and the indices of registers are numbers: what can be emitted.
bool is_unrolled(const Program& program);

// How many buffers a caller hands over.
int passed_buffers(const Program& program);

// The parallel loops in the order in which a caller gives their ranges: outermost first, then as they stand.
std::vector<const Loop*> parallel_loops(const Program& program);

}  // namespace tern::ir
