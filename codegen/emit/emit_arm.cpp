// What AArch64 does its own way: lanes of vectors as operands, and dot products that wait in 16 bits.
#include <cassert>

#include "codegen/emit/emitter.h"

namespace tern::codegen {

using ir::Element;
using ir::Instruction;
using ir::Op;

void Emitter::finish_pending(RegisterKey key) {
  const auto waiting = pending_.extract(key);
  if (!waiting) return;
  llvm::AllocaInst* place = registers_[key.first][key.second];
  llvm::Value* before = builder_.CreateLoad(place->getAllocatedType(), place);
  builder_.CreateStore(waiting.mapped().finish(builder_, before), place);
}

void Emitter::end_straight_line() {
  while (!pending_.empty()) finish_pending(pending_.begin()->first);
  lanes_.clear();
}

LaneOfBlock Emitter::lane_of_block(const Instruction& instruction) {
  constexpr int64_t block = 16;
  const ir::VectorType type = ir_type(instruction.result);
  const ir::Buffer& buffer = program_.buffers[instruction.buffer];
  const int64_t bytes = size_in_bytes(buffer.element);
  const int64_t constant = instruction.address.constant * bytes, offset = constant % block;
  if (bytes * instruction.immediate != 4 || offset % 4 != 0 || buffer.size * bytes % block != 0 ||
      (type.bits() > 128 && type.element != Element::i8))
    return {};
  const auto [place, alignment] = address(instruction, constant - offset);
  if (alignment < llvm::Align(block)) return {};
  auto* four = llvm::FixedVectorType::get(builder_.getInt32Ty(), 4);
  return {builder_.CreateAlignedLoad(four, place, alignment), static_cast<int>(offset / 4)};
}

llvm::Value* Emitter::arm_splat(const Instruction& instruction) {
  const LaneOfBlock lane = lane_of_block(instruction);
  if (!lane.block) return nullptr;
  lanes_[key_of(instruction.result)] = lane;
  const ir::VectorType type = ir_type(instruction.result);
  const llvm::SmallVector<int, 4> chosen(type.bits() / 32, lane.lane);
  return builder_.CreateBitCast(builder_.CreateShuffleVector(lane.block, chosen), type_of(type));
}

DotOperands Emitter::arm_operands(const Instruction& instruction) {
  const auto lane = lanes_.find(key_of(instruction.operands[2]));
  return {nullptr,
          read(instruction.operands[1]),
          read(instruction.operands[2]),
          ir_type(instruction.operands[1]).element == Element::i8,
          instruction.immediate,
          lane == lanes_.end() ? LaneOfBlock{} : lane->second};
}

bool Emitter::waits(const Instruction& instruction) {
  if (instruction.op != Op::dot4 || instruction.result != instruction.operands[0]) return false;
  const DotOperands operands = arm_operands(instruction);
  if (!arm::PendingDot().fits(target_, operands)) return false;
  const RegisterKey key = key_of(instruction.result);
  if (!pending_[key].fits(target_, operands)) finish_pending(key);
  pending_[key].add(builder_, operands);
  return true;
}

llvm::Value* Emitter::arm_bytes_to_i16(const Instruction& instruction) {
  llvm::Value* bytes = arm::interleave(builder_, target_, read(instruction.operands[0]),
                                       read(instruction.operands[1]), 1, instruction.immediate == 1);
  return bytes ? builder_.CreateBitCast(bytes, type_of(ir_type(instruction.result))) : nullptr;
}

llvm::Value* Emitter::arm_value(const Instruction& instruction) {
  const auto operand = [&](int i) { return read(instruction.operands[i]); };
  if (instruction.op == Op::splat) return arm_splat(instruction);
  if (instruction.op == Op::add_pairs) return arm::add_pairs(builder_, operand(0), operand(1));
  if (instruction.op == Op::lookup) return arm::lookup(builder_, target_, operand(0), operand(1));
  if (instruction.op == Op::bytes_to_i16) return arm_bytes_to_i16(instruction);
  if (instruction.op == Op::interleave_low || instruction.op == Op::interleave_high)
    return arm::interleave(builder_, target_, operand(0), operand(1), instruction.immediate,
                           instruction.op == Op::interleave_high);
  if (instruction.op == Op::add_where || instruction.op == Op::subtract_where)
    return arm::add_where(builder_, operand(0), operand(1), operand(2), instruction.op == Op::subtract_where);
  if (instruction.op == Op::dot8)
    return arm::dot8(builder_, target_, {operand(0), operand(1), operand(2), true, 128});
  if (instruction.op != Op::dot4 && instruction.op != Op::dot2) return nullptr;
  DotOperands operands = arm_operands(instruction);
  operands.x = read(instruction.operands[0]);
  return instruction.op == Op::dot4 ? arm::dot4(builder_, target_, operands) : arm::dot2(builder_, operands);
}

bool Emitter::emit_arm(const Instruction& instruction) {
  if (!is_arm() || !info(instruction.op).has_result) return false;
  if (waits(instruction)) return true;
  finish_pending(key_of(instruction.result));
  lanes_.erase(key_of(instruction.result));
  llvm::Value* value = arm_value(instruction);
  if (value) builder_.CreateStore(value, slot(instruction.result));
  return value != nullptr;
}

}  // namespace tern::codegen
