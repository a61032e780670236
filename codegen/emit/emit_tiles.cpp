// Tiles: AMX registers, or memory.
#include <cassert>

#include "codegen/emit/emitter.h"

namespace tern::codegen {

using ir::Instruction;
using ir::Op;

int Emitter::tile(const ir::RegisterUse& use) const {
  return first_tile_[use.array] + static_cast<int>(use.index.constant);
}

bool Emitter::emit_tile(const Instruction& instruction) {
  const bool has = x86::has_tiles(target_);
  const ir::RegisterUse& result = instruction.result;
  const int64_t immediate = instruction.immediate;
  if (instruction.op == Op::constant && ir::is_tile(ir_type(result))) {
    has ? x86::tile_zero(builder_, tile(result)) : portable::tile_zero(builder_, slot(result));
    return true;
  }
  if (instruction.op == Op::tile_load || instruction.op == Op::tile_load_quads) {
    llvm::Value* from = address(instruction).first;
    has ? x86::tile_load(builder_, tile(result), from, immediate)
        : portable::tile_load(builder_, slot(result), tile_shape(program_, result.array), from, immediate);
    return true;
  }
  if (instruction.op == Op::tile_store) {
    llvm::Value* to = address(instruction).first;
    const ir::RegisterUse& x = instruction.operands[0];
    has ? x86::tile_store(builder_, tile(x), to, 4 * immediate)
        : portable::tile_store(builder_, slot(x), to, 4 * immediate);
    return true;
  }
  if (instruction.op != Op::tile_dot) return false;
  const ir::RegisterUse &y = instruction.operands[1], &z = instruction.operands[2];
  if (has)
    x86::tile_dot(builder_, tile(result), tile(y), tile(z));
  else
    portable::tile_dot(builder_, slot(result), slot(y), slot(z), ir_type(y).lanes / 16,
                       [&](const DotOperands& operands) { return dot4(operands); });
  return true;
}

}  // namespace tern::codegen
