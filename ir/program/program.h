// The Program: an explicit list of typed vector operations inside counted loops. The interpreter executes it
// and the emitter turns it into LLVM IR.
#pragma once

#include <cassert>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/expected.h"
#include "ir/kernel/schedule.h"
#include "ir/program/buffer.h"
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

// The buffers that a caller hands over, one pointer each: all but scratch, which stands last.
std::span<const Buffer> parameters(const Program& program);

// Index of the parameter with a role, which is that of its pointer in a call. Precondition: there is one.
size_t parameter_index(const Program& program, BufferRole role);
// The parameter with a role; null if there is none.
const Buffer* find_parameter(const Program& program, BufferRole role);

// Verify refuses a program with more parameters.
inline constexpr size_t max_parameters = 32;

// The pointers of one call, one for each parameter of a program.
class Arguments {
 public:
  // `address_of(buffer)` gives the pointer for each parameter. Precondition: verify(program) found nothing.
  template <class AddressOf>
  Arguments(const Program& program, AddressOf address_of) {
    for (const Buffer& buffer : parameters(program)) {
      assert(count_ < max_parameters);
      pointers_[count_++] = address_of(buffer);
    }
  }

  operator std::span<void* const>() const { return {pointers_, count_}; }
  void*& operator[](size_t parameter) { return pointers_[parameter]; }

 private:
  void* pointers_[max_parameters] = {};
  size_t count_ = 0;
};

// The parallel loops in the order in which a caller gives their ranges: outermost first, then as they stand.
std::vector<const Loop*> parallel_loops(const Program& program);

}  // namespace tern::ir
