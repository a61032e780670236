// The one place that knows the names of AArch64 instructions.
#include <llvm/Analysis/VectorUtils.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsAArch64.h>

#include "codegen/emit/vector_ops.h"

namespace tern::codegen::arm {
namespace {

using llvm::Intrinsic::ID;
using targets::Feature;

unsigned bits_of(llvm::Value* vector) {
  return vector->getType()->getPrimitiveSizeInBits().getFixedValue();
}

unsigned lanes_of(llvm::Value* vector) {
  return llvm::cast<llvm::FixedVectorType>(vector->getType())->getNumElements();
}

llvm::Value* call(llvm::IRBuilderBase& builder, ID id, llvm::ArrayRef<llvm::Type*> types,
                  llvm::ArrayRef<llvm::Value*> arguments) {
  llvm::Module* module = builder.GetInsertBlock()->getModule();
  return builder.CreateCall(llvm::Intrinsic::getDeclaration(module, id, types), arguments);
}

// Part i of `count` equal parts.
llvm::Value* part(llvm::IRBuilderBase& builder, llvm::Value* vector, unsigned i, unsigned count) {
  const unsigned lanes = lanes_of(vector) / count;
  return builder.CreateShuffleVector(vector, llvm::createSequentialMask(i * lanes, lanes, 0));
}

// A vector as an SVE register holds it, and back. Precondition: the target's registers have its width.
llvm::Value* scalable(llvm::IRBuilderBase& builder, llvm::Value* vector) {
  llvm::Type* element = llvm::cast<llvm::FixedVectorType>(vector->getType())->getElementType();
  llvm::Type* type = llvm::ScalableVectorType::get(element, 128 / element->getScalarSizeInBits());
  return builder.CreateInsertVector(type, llvm::PoisonValue::get(type), vector, builder.getInt64(0));
}

llvm::Value* fixed(llvm::IRBuilderBase& builder, llvm::Value* vector, llvm::Type* type) {
  return builder.CreateExtractVector(type, vector, builder.getInt64(0));
}

bool fills_sve(const targets::Target& target, llvm::Value* vector) {
  return target.features.contains(Feature::sve) && target.vector_bits > 128 &&
         bits_of(vector) == static_cast<unsigned>(target.vector_bits);
}

// `operate` on each 128 bits of the vectors; null if they do not consist of such parts.
template <class Operate>
llvm::Value* each_128_bits(llvm::IRBuilderBase& builder, std::initializer_list<llvm::Value*> vectors,
                           Operate&& operate) {
  const unsigned bits = bits_of(*vectors.begin());
  if (bits == 0 || bits % 128 != 0) return nullptr;
  std::vector<llvm::Value*> results;
  for (unsigned i = 0; i < bits / 128; ++i) {
    std::vector<llvm::Value*> parts;
    for (llvm::Value* vector : vectors) parts.push_back(part(builder, vector, i, bits / 128));
    results.push_back(operate(parts));
  }
  return llvm::concatenateVectors(builder, results);
}

// As quad_dot, on a whole register of SVE.
llvm::Value* sve_quad_dot(llvm::IRBuilderBase& builder, bool is_signed, const DotOperands& operands) {
  llvm::Value* x = scalable(builder, operands.x);
  llvm::Value* y = scalable(builder, operands.y);
  llvm::Value* sum = nullptr;
  if (const auto [block, lane] = operands.z_repeats; block) {
    // Each 128 bits of the register hold the block, and the instruction chooses the lane.
    llvm::Value* once =
        scalable(builder, builder.CreateBitCast(block, llvm::FixedVectorType::get(builder.getInt8Ty(), 16)));
    llvm::Value* blocks =
        call(builder, llvm::Intrinsic::aarch64_sve_dupq_lane, {once->getType()}, {once, builder.getInt64(0)});
    const ID id =
        is_signed ? llvm::Intrinsic::aarch64_sve_sdot_lane : llvm::Intrinsic::aarch64_sve_usdot_lane;
    sum = call(builder, id, {x->getType()}, {x, y, blocks, builder.getInt32(lane)});
  } else {
    const ID id = is_signed ? llvm::Intrinsic::aarch64_sve_sdot : llvm::Intrinsic::aarch64_sve_usdot;
    sum = call(builder, id, {x->getType()}, {x, y, scalable(builder, operands.z)});
  }
  return fixed(builder, sum, operands.x->getType());
}

// Four products added to i32: sdot, or usdot if y is unsigned. Null if the width is none of the target's.
llvm::Value* quad_dot(llvm::IRBuilderBase& builder, const targets::Target& target, bool is_signed,
                      const DotOperands& operands) {
  if (fills_sve(target, operands.y)) return sve_quad_dot(builder, is_signed, operands);
  const ID id = is_signed ? llvm::Intrinsic::aarch64_neon_sdot : llvm::Intrinsic::aarch64_neon_usdot;
  const auto dot = [&](llvm::ArrayRef<llvm::Value*> part) {
    return call(builder, id, {part[0]->getType(), part[1]->getType()}, part);
  };
  const auto& [x, y, z, y_is_signed, bound, z_repeats] = operands;
  if (bits_of(y) == 64) return dot({x, y, z});
  return each_128_bits(builder, {x, y, z}, dot);
}

llvm::Value* half(llvm::IRBuilderBase& builder, llvm::Value* vector, unsigned i) {
  return part(builder, vector, i, 2);
}

// Sums of neighbouring i16 lanes of two vectors.
llvm::Value* pair_sums(llvm::IRBuilderBase& builder, llvm::Value* low, llvm::Value* high) {
  return call(builder, llvm::Intrinsic::aarch64_neon_addp, {low->getType()}, {low, high});
}

// x + the sums of neighbouring i16 lanes: sadalp.
llvm::Value* add_pairs_of_register(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y) {
  llvm::Value* pairs = call(builder, llvm::Intrinsic::aarch64_neon_saddlp, {x->getType(), y->getType()}, {y});
  return builder.CreateAdd(x, pairs);
}

// Products of signed bytes: smull.
llvm::Value* products(llvm::IRBuilderBase& builder, llvm::Value* y, llvm::Value* z) {
  llvm::Type* words = llvm::FixedVectorType::get(builder.getInt16Ty(), lanes_of(y));
  return call(builder, llvm::Intrinsic::aarch64_neon_smull, {words}, {y, z});
}

// The table fills one, two or four registers.
llvm::Value* neon_tbl(llvm::IRBuilderBase& builder, llvm::Value* table, llvm::Value* index) {
  const unsigned registers = lane_count(table) / 16;
  const ID id = registers == 1   ? llvm::Intrinsic::aarch64_neon_tbl1
                : registers == 2 ? llvm::Intrinsic::aarch64_neon_tbl2
                                 : llvm::Intrinsic::aarch64_neon_tbl4;
  return each_128_bits(builder, {index}, [&](const std::vector<llvm::Value*>& index_part) {
    std::vector<llvm::Value*> arguments;
    for (unsigned i = 0; i < registers; ++i) arguments.push_back(part(builder, table, i, registers));
    arguments.push_back(index_part[0]);
    llvm::Value* found = call(builder, id, {index_part[0]->getType()}, arguments);
    // LLVM 19 makes one tbl4 of two tbl2 that a shuffle reads, as if their indices were sure to be constants,
    // and crashes where they are not. It does not look through a freeze.
    return registers == 2 ? builder.CreateFreeze(found) : found;
  });
}

// The same for a whole register of SVE. What one register of the table has not got is read as 0, so the
// others' bytes are joined to it. In SVE's own types: LLVM 19 has no good code for choices by constants that
// it finds in others.
llvm::Value* sve_tbl(llvm::IRBuilderBase& builder, llvm::Value* table, llvm::Value* index) {
  const unsigned most = lane_count(index), pieces = (lane_count(table) + most - 1) / most;
  llvm::Value* place = scalable(builder, index);
  llvm::Value* found = nullptr;
  for (unsigned i = 0; i < pieces; ++i) {
    llvm::Value* piece = scalable(builder, part(builder, table, i, pieces));
    llvm::Value* within = builder.CreateSub(place, llvm::ConstantInt::get(place->getType(), i * most));
    llvm::Value* bytes = call(builder, llvm::Intrinsic::aarch64_sve_tbl, {piece->getType()}, {piece, within});
    found = found ? builder.CreateOr(found, bytes) : bytes;
  }
  return fixed(builder, found, index->getType());
}

// A lane of ones for each set bit of a mask, which the bits of an element hold.
llvm::Value* lanes_of_bits(llvm::IRBuilderBase& builder, llvm::Value* bits, llvm::FixedVectorType* type) {
  const unsigned lanes = type->getNumElements();
  llvm::SmallVector<llvm::Constant*, 64> places;
  for (unsigned lane = 0; lane < lanes; ++lane)
    places.push_back(llvm::ConstantInt::get(type->getElementType(), uint64_t{1} << lane));
  llvm::Value* copies =
      builder.CreateVectorSplat(lanes, builder.CreateZExtOrTrunc(bits, type->getElementType()));
  return builder.CreateICmpNE(builder.CreateAnd(copies, llvm::ConstantVector::get(places)),
                              llvm::Constant::getNullValue(type));
}

bool counts_as_signed(const DotOperands& operands) {
  return operands.y_is_signed || operands.bound <= 127;
}

}  // namespace

llvm::Value* dot4(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands) {
  if (!target.features.contains(Feature::dotprod) && !fills_sve(target, operands.y)) return nullptr;
  if (counts_as_signed(operands)) return quad_dot(builder, target, true, operands);
  if (target.features.contains(Feature::i8mm)) return quad_dot(builder, target, false, operands);
  // y = (y - 128) + 128, of which the first is a signed byte; so is -128.
  DotOperands lowest = operands, rest = operands;
  lowest.x = llvm::Constant::getNullValue(operands.x->getType());
  lowest.y = llvm::ConstantInt::get(operands.y->getType(), 0x80);
  rest.y = builder.CreateXor(operands.y, lowest.y);
  llvm::Value* offset = quad_dot(builder, target, true, lowest);
  return offset ? builder.CreateSub(quad_dot(builder, target, true, rest), offset) : nullptr;
}

llvm::Value* dot2(llvm::IRBuilderBase& builder, const DotOperands& operands) {
  return each_128_bits(builder, {operands.x, operands.y, operands.z}, [&](const auto& part) {
    // Said in 16 bits, since unsigned y may have its highest bit; LLVM finds smull where it has not.
    llvm::Type* words = llvm::FixedVectorType::get(builder.getInt16Ty(), lanes_of(part[1]));
    llvm::Value* y =
        operands.y_is_signed ? builder.CreateSExt(part[1], words) : builder.CreateZExt(part[1], words);
    llvm::Value* both = builder.CreateMul(y, builder.CreateSExt(part[2], words));
    return builder.CreateAdd(part[0], pair_sums(builder, half(builder, both, 0), half(builder, both, 1)));
  });
}

llvm::Value* add_pairs(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y) {
  return each_128_bits(builder, {x, y},
                       [&](const auto& part) { return add_pairs_of_register(builder, part[0], part[1]); });
}

llvm::Value* dot8(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands) {
  if (!target.features.contains(Feature::i8mm)) return nullptr;
  if (fills_sve(target, operands.y)) {
    llvm::Value* x = scalable(builder, operands.x);
    llvm::Value* sum = call(builder, llvm::Intrinsic::aarch64_sve_smmla, {x->getType()},
                            {x, scalable(builder, operands.y), scalable(builder, operands.z)});
    return fixed(builder, sum, operands.x->getType());
  }
  return each_128_bits(builder, {operands.x, operands.y, operands.z}, [&](const auto& part) {
    return call(builder, llvm::Intrinsic::aarch64_neon_smmla, {part[0]->getType(), part[1]->getType()}, part);
  });
}

llvm::Value* interleave(llvm::IRBuilderBase& builder, const targets::Target& target, llvm::Value* x,
                        llvm::Value* y, int64_t unit, bool high) {
  if (!fills_sve(target, x)) return nullptr;
  const auto as = [&](llvm::Value* vector, unsigned bits) {
    llvm::Type* type = llvm::ScalableVectorType::get(builder.getIntNTy(bits), 128 / bits);
    return builder.CreateBitCast(vector, type);
  };
  // SVE's zip takes the lower half of the register, not of each 128 bits: those are brought there first.
  const ID halves = high ? llvm::Intrinsic::aarch64_sve_uzp2 : llvm::Intrinsic::aarch64_sve_uzp1;
  const auto half_of_each = [&](llvm::Value* vector) {
    llvm::Value* parts = as(scalable(builder, vector), 64);
    return as(call(builder, halves, {parts->getType()}, {parts, parts}), static_cast<unsigned>(8 * unit));
  };
  llvm::Value *from_x = half_of_each(x), *from_y = half_of_each(y);
  llvm::Value* both = call(builder, llvm::Intrinsic::aarch64_sve_zip1, {from_x->getType()}, {from_x, from_y});
  const unsigned bits = x->getType()->getScalarSizeInBits();
  return fixed(builder, as(both, bits), x->getType());
}

llvm::Value* add_where(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y, llvm::Value* mask,
                       bool subtract) {
  auto* type = llvm::cast<llvm::FixedVectorType>(x->getType());
  const unsigned lanes = lanes_of(x), lanes_a_word = std::min(lanes, type->getScalarSizeInBits());
  const unsigned words = lanes / lanes_a_word;
  llvm::Type* word = builder.getIntNTy(lanes_a_word);
  llvm::Value* bits = builder.CreateBitCast(mask, llvm::FixedVectorType::get(word, words));
  std::vector<llvm::Value*> chosen;
  for (unsigned i = 0; i < words; ++i)
    chosen.push_back(lanes_of_bits(builder, builder.CreateExtractElement(bits, i),
                                   llvm::FixedVectorType::get(type->getElementType(), lanes_a_word)));
  llvm::Value* result = subtract ? builder.CreateSub(x, y) : builder.CreateAdd(x, y);
  return builder.CreateSelect(llvm::concatenateVectors(builder, chosen), result, x);
}

llvm::Value* lookup(llvm::IRBuilderBase& builder, const targets::Target& target, llvm::Value* table,
                    llvm::Value* index) {
  if (bits_of(index) % 128 != 0) return nullptr;
  const auto masked = [&](unsigned entries) {
    return builder.CreateAnd(index, llvm::ConstantInt::get(index->getType(), entries - 1));
  };
  if (fills_sve(target, index)) return sve_tbl(builder, table, masked(lane_count(table)));
  // NEON's tbl takes up to four registers as a table.
  constexpr unsigned most = 64;
  llvm::Value* within = masked(std::min(lane_count(table), most));
  return lookup_in_pieces(builder, table, index, most,
                          [&](llvm::Value* piece) { return neon_tbl(builder, piece, within); });
}

bool PendingDot::fits(const targets::Target& target, const DotOperands& operands) const {
  const int64_t pairs_of_lanes = 2 * (largest_ + operands.bound * 128);
  return !target.features.contains(Feature::dotprod) && bits_of(operands.y) == 128 &&
         counts_as_signed(operands) && pairs_of_lanes <= 32767;
}

void PendingDot::add(llvm::IRBuilderBase& builder, const DotOperands& operands) {
  largest_ += operands.bound * 128;
  for (unsigned i = 0; i < 2; ++i) {
    llvm::Value* product = products(builder, half(builder, operands.y, i), half(builder, operands.z, i));
    halves_[i] = halves_[i] ? builder.CreateAdd(halves_[i], product) : product;
  }
}

llvm::Value* PendingDot::finish(llvm::IRBuilderBase& builder, llvm::Value* x) const {
  return add_pairs_of_register(builder, x, pair_sums(builder, halves_[0], halves_[1]));
}

}  // namespace tern::codegen::arm
