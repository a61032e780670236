// The values of operations: plain vector IR, and instructions where the target has them.
#include <cassert>

#include "codegen/emit/emitter.h"

namespace tern::codegen {

using ir::Element;
using ir::Instruction;
using ir::Op;
using targets::Architecture;
using targets::Feature;

llvm::Value* Emitter::splat(const Instruction& instruction) {
  const ir::VectorType type = ir_type(instruction.result);
  const auto [place, alignment] = address(instruction);
  // A group of elements is repeated as one wider element.
  llvm::Type* unit = instruction.immediate == 1
                         ? type_of(type.element)
                         : builder_.getIntNTy(8 * size_in_bytes(type.element) * instruction.immediate);
  llvm::Value* scalar = builder_.CreateAlignedLoad(unit, place, alignment);
  llvm::Value* vector = builder_.CreateVectorSplat(type.lanes / instruction.immediate, scalar);
  return builder_.CreateBitCast(vector, type_of(type));
}

llvm::Value* Emitter::f16_to_f32(llvm::Value* bits) {
  const bool native =
      target_.architecture == Architecture::aarch64 || target_.features.contains(Feature::f16c);
  if (!native) return portable::f16_to_f32(builder_, bits);
  const unsigned lanes = llvm::cast<llvm::FixedVectorType>(bits->getType())->getNumElements();
  llvm::Value* halves = builder_.CreateBitCast(bits, llvm::FixedVectorType::get(builder_.getHalfTy(), lanes));
  return builder_.CreateFPExt(halves, llvm::FixedVectorType::get(builder_.getFloatTy(), lanes));
}

llvm::Value* Emitter::convert(const Instruction& instruction) {
  const Element from = ir_type(instruction.operands[0]).element;
  llvm::Type* to = type_of(ir_type(instruction.result));
  llvm::Value* value = read(instruction.operands[0]);
  switch (from) {
    case Element::f16: return f16_to_f32(value);
    case Element::bf16: {
      llvm::Type* bits = llvm::FixedVectorType::get(builder_.getInt32Ty(),
                                                    llvm::cast<llvm::FixedVectorType>(to)->getNumElements());
      llvm::Value* wide = builder_.CreateZExt(value, bits);
      return builder_.CreateBitCast(builder_.CreateShl(wide, llvm::ConstantInt::get(bits, 16)), to);
    }
    case Element::u8:
      return to->isFPOrFPVectorTy() ? builder_.CreateUIToFP(value, to) : builder_.CreateZExt(value, to);
    case Element::i8:
    case Element::i16:
    case Element::i32:
      return to->isFPOrFPVectorTy() ? builder_.CreateSIToFP(value, to) : builder_.CreateSExt(value, to);
    case Element::f32:
    case Element::trit:
    case Element::sign:
    case Element::i2:
    case Element::i4: break;
  }
  assert(false && "Verify refuses this conversion");
  return nullptr;
}

llvm::Value* Emitter::dot(const Instruction& instruction) {
  const DotOperands operands{read(instruction.operands[0]), read(instruction.operands[1]),
                             read(instruction.operands[2]),
                             ir_type(instruction.operands[1]).element == Element::i8, instruction.immediate};
  if (instruction.op == Op::dot4) return dot4(operands);
  llvm::Value* value = nullptr;
  if (target_.architecture == Architecture::x86_64) value = x86::dot2(builder_, target_, operands);
  return value ? value : portable::dot2(builder_, operands);
}

llvm::Value* Emitter::dot4(const DotOperands& operands) {
  llvm::Value* value = nullptr;
  if (target_.architecture == Architecture::x86_64) value = x86::dot4(builder_, target_, operands);
  return value ? value : portable::dot4(builder_, operands);
}

void Emitter::remember(const ir::RegisterUse& use, llvm::Value* value, uint8_t valid) {
  unmasked_to_be_ = {slot(use), {value, valid}};
}

Emitter::Unmasked Emitter::read_bits(const ir::RegisterUse& use, uint8_t bits) {
  const auto known = unmasked_.find(slot(use));
  if (known != unmasked_.end() && (bits & ~known->second.valid) == 0) return known->second;
  return {read(use), 0xff};
}

llvm::Value* Emitter::bit_and(const Instruction& instruction) {
  const auto mask = static_cast<uint8_t>(instruction.immediate);
  llvm::Value* value = read_bits(instruction.operands[0], mask).value;
  return builder_.CreateAnd(value, llvm::ConstantInt::get(value->getType(), mask));
}

llvm::Value* Emitter::bit_select(const Instruction& instruction) {
  const auto mask = static_cast<uint8_t>(instruction.immediate);
  const auto inverse = static_cast<uint8_t>(~mask);
  const auto blended = [&](llvm::Value* x, llvm::Value* y) {
    return builder_.CreateOr(builder_.CreateAnd(x, llvm::ConstantInt::get(x->getType(), mask)),
                             builder_.CreateAnd(y, llvm::ConstantInt::get(y->getType(), inverse)));
  };
  // Any valid bits will do for the value that is remembered.
  const Unmasked x = read_bits(instruction.operands[0], 0), y = read_bits(instruction.operands[1], 0);
  remember(instruction.result, blended(x.value, y.value),
           static_cast<uint8_t>((x.valid & mask) | (y.valid & inverse)));
  return blended(read(instruction.operands[0]), read(instruction.operands[1]));
}

llvm::Value* Emitter::shift(const Instruction& instruction) {
  llvm::Value* value = read(instruction.operands[0]);
  llvm::Value* count = llvm::ConstantInt::get(value->getType(), instruction.immediate);
  const ir::VectorType type = ir_type(instruction.result);
  const bool left = instruction.op == Op::shift_left;
  if (type.element != Element::u8)
    return left ? builder_.CreateShl(value, count) : builder_.CreateAShr(value, count);
  // Of an odd byte there is no word to shift.
  if (target_.architecture == Architecture::x86_64 && type.lanes % 2 == 0) {
    const int64_t right = left ? -instruction.immediate : instruction.immediate;
    llvm::Value* unmasked = x86::shift_words_of_bytes(builder_, value, right);
    const auto valid = static_cast<uint8_t>(left ? 0xff << -right : 0xff >> right);
    remember(instruction.result, unmasked, valid);
    return builder_.CreateAnd(unmasked, llvm::ConstantInt::get(unmasked->getType(), valid));
  }
  return left ? builder_.CreateShl(value, count) : builder_.CreateLShr(value, count);
}

llvm::Value* Emitter::table(const Instruction& instruction) {
  const ir::Table& table = program_.tables[instruction.immediate];
  llvm::SmallVector<llvm::Constant*, 64> lanes;
  for (int i = 0; i < ir_type(instruction.result).lanes; ++i) {
    const auto value = static_cast<uint64_t>(table.values[i % table.values.size()]);
    lanes.push_back(llvm::ConstantInt::get(type_of(table.element), value, true));
  }
  return llvm::ConstantVector::get(lanes);
}

llvm::Value* Emitter::lookup(llvm::Value* table, llvm::Value* index) {
  llvm::Value* value = nullptr;
  if (target_.architecture == Architecture::x86_64) value = x86::lookup(builder_, target_, table, index);
  return value ? value : portable::lookup(builder_, table, index);
}

llvm::Value* Emitter::multiply_high(llvm::Value* bytes, int64_t factor) {
  llvm::Value* value = nullptr;
  if (target_.architecture == Architecture::x86_64) value = x86::multiply_high(builder_, bytes, factor);
  return value ? value : portable::multiply_high(builder_, bytes, factor);
}

llvm::Value* Emitter::byte_of(llvm::Value* value, int64_t shift, llvm::Type* type) {
  return builder_.CreateTrunc(builder_.CreateLShr(value, llvm::ConstantInt::get(value->getType(), shift)),
                              type);
}

llvm::Value* Emitter::add_pairs(llvm::Value* x, llvm::Value* y) {
  llvm::Value* value = nullptr;
  if (target_.architecture == Architecture::x86_64) value = x86::add_pairs(builder_, target_, x, y);
  return value ? value : portable::add_pairs(builder_, x, y);
}

llvm::Value* Emitter::value_of(const Instruction& instruction) {
  const auto operand = [&](int i) { return read(instruction.operands[i]); };
  llvm::Type* type = type_of(ir_type(instruction.result));
  const bool is_float = type->isFPOrFPVectorTy();
  const int64_t immediate = instruction.immediate;
  switch (instruction.op) {
    case Op::constant:
      return is_float ? llvm::ConstantFP::get(type, static_cast<double>(immediate))
                      : llvm::ConstantInt::get(type, static_cast<uint64_t>(immediate), true);
    case Op::load: {
      const auto [place, alignment] = address(instruction);
      return builder_.CreateAlignedLoad(type, place, alignment);
    }
    case Op::table: return table(instruction);
    case Op::splat: return splat(instruction);
    case Op::bit_and: return bit_and(instruction);
    case Op::bit_select: return bit_select(instruction);
    case Op::shift_left:
    case Op::shift_right: return shift(instruction);
    case Op::multiply_low: return portable::multiply_low(builder_, operand(0), immediate);
    case Op::multiply_high: return multiply_high(operand(0), immediate);
    case Op::lookup: {
      const auto index_bits = static_cast<uint8_t>(ir_type(instruction.operands[0]).lanes - 1);
      return lookup(operand(0), read_bits(instruction.operands[1], index_bits).value);
    }
    case Op::bytes_to_i16: return portable::bytes_to_i16(builder_, operand(0), operand(1), immediate);
    case Op::interleave_low:
    case Op::interleave_high:
      return portable::interleave(builder_, operand(0), operand(1), immediate,
                                  instruction.op == Op::interleave_high);
    case Op::add:
      return is_float ? builder_.CreateFAdd(operand(0), operand(1))
                      : builder_.CreateAdd(operand(0), operand(1));
    case Op::subtract:
      return is_float ? builder_.CreateFSub(operand(0), operand(1))
                      : builder_.CreateSub(operand(0), operand(1));
    case Op::add_where:
    case Op::subtract_where:
      return portable::add_where(builder_, operand(0), operand(1), operand(2),
                                 instruction.op == Op::subtract_where);
    case Op::apply_sign: return portable::apply_sign(builder_, operand(0), operand(1));
    case Op::multiply: return builder_.CreateFMul(operand(0), operand(1));
    case Op::divide: return builder_.CreateFDiv(operand(0), operand(1));
    case Op::relu: {
      llvm::Value* zero = llvm::Constant::getNullValue(operand(0)->getType());
      return builder_.CreateSelect(builder_.CreateFCmpOLT(operand(0), zero), zero, operand(0));
    }
    case Op::absmax: return portable::absmax(builder_, operand(0), operand(1));
    case Op::absmax_across: return portable::absmax_across(builder_, operand(0), type);
    case Op::add_across: return portable::add_across(builder_, operand(0), type);
    case Op::round_clamp: return portable::round_clamp(builder_, operand(0), immediate, type);
    case Op::convert: return convert(instruction);
    case Op::flip_sign:
      return builder_.CreateXor(operand(0), llvm::ConstantInt::get(operand(0)->getType(), 0x80));
    case Op::low_byte: return byte_of(operand(0), 0, type);
    case Op::high_byte: return byte_of(operand(0), 8, type);
    case Op::dot8: return portable::dot8(builder_, {operand(0), operand(1), operand(2), true, 128});
    case Op::dot4:
    case Op::dot2: return dot(instruction);
    case Op::add_pairs: return add_pairs(operand(0), operand(1));
    case Op::store:
    case Op::prefetch:
    case Op::prefetch_l2:
    case Op::tile_load:
    case Op::tile_load_quads:
    case Op::tile_store:
    case Op::tile_dot: break;
  }
  assert(false && "the operation has no result");
  return nullptr;
}

}  // namespace tern::codegen
