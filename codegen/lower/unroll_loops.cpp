// Lays the iterations of every loop of kind `unroll` out one after the other.
#include "codegen/lower/lower.h"

namespace tern::codegen {
namespace {

void substitute(ir::Body& body, int variable, int64_t value) {
  for (ir::Statement& statement : body) {
    if (ir::Loop* loop = std::get_if<ir::Loop>(&statement)) {
      substitute(loop->body, variable, value);
      continue;
    }
    ir::Instruction& instruction = std::get<ir::Instruction>(statement);
    instruction.address.substitute(variable, value);
    instruction.result.index.substitute(variable, value);
    for (ir::RegisterUse& operand : instruction.operands) operand.index.substitute(variable, value);
  }
}

ir::Body unrolled(ir::Body body) {
  ir::Body result;
  for (ir::Statement& statement : body) {
    ir::Loop* loop = std::get_if<ir::Loop>(&statement);
    if (loop) loop->body = unrolled(std::move(loop->body));
    if (!loop || loop->kind != ir::LoopKind::unroll) {
      result.push_back(std::move(statement));
      continue;
    }
    for (int64_t i = 0; i < loop->trips; ++i) {
      ir::Body iteration = loop->body;
      substitute(iteration, loop->variable, i);
      for (ir::Statement& copy : iteration) result.push_back(std::move(copy));
    }
  }
  return result;
}

}  // namespace

void unroll_loops(ir::Program& program) {
  program.body = unrolled(std::move(program.body));
  renumber_variables(program);
}

}  // namespace tern::codegen
