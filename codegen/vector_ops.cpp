#include "codegen/vector_ops.h"

namespace tern::codegen::portable {
namespace {

unsigned lanes(llvm::Value* vector) {
  return llvm::cast<llvm::FixedVectorType>(vector->getType())->getNumElements();
}

// Lanes first, first + step, ... of a vector.
llvm::Value* every(llvm::IRBuilderBase& builder, llvm::Value* vector, int first, int step) {
  llvm::SmallVector<int, 64> chosen;
  for (int lane = first; lane < static_cast<int>(lanes(vector)); lane += step) chosen.push_back(lane);
  return builder.CreateShuffleVector(vector, chosen);
}

llvm::Value* extended(llvm::IRBuilderBase& builder, llvm::Value* vector, bool is_signed,
                      llvm::Type* element) {
  llvm::Type* type = llvm::FixedVectorType::get(element, lanes(vector));
  return is_signed ? builder.CreateSExt(vector, type) : builder.CreateZExt(vector, type);
}

// x + the products of y and z, summed over `width` neighbouring lanes. 16 bits hold any u8 * i8.
llvm::Value* dot(llvm::IRBuilderBase& builder, const DotOperands& operands, int width) {
  llvm::Value* y = extended(builder, operands.y, operands.y_is_signed, builder.getInt16Ty());
  llvm::Value* z = extended(builder, operands.z, true, builder.getInt16Ty());
  llvm::Value* products = builder.CreateMul(y, z);
  llvm::Type* element = llvm::cast<llvm::FixedVectorType>(operands.x->getType())->getElementType();
  llvm::Value* sum = operands.x;
  for (int i = 0; i < width; ++i) {
    llvm::Value* part = every(builder, products, i, width);
    sum = builder.CreateAdd(
        sum, builder.CreateSExtOrTrunc(part, llvm::FixedVectorType::get(element, lanes(part))));
  }
  return sum;
}

// Byte i of each i32, as an i32.
llvm::Value* byte_of(llvm::IRBuilderBase& builder, llvm::Value* words, int i, bool is_signed) {
  const auto by = [&](int count) { return llvm::ConstantInt::get(words->getType(), count); };
  llvm::Value* top = builder.CreateShl(words, by(24 - 8 * i));
  return is_signed ? builder.CreateAShr(top, by(24)) : builder.CreateLShr(top, by(24));
}

}  // namespace

llvm::Value* dot4(llvm::IRBuilderBase& builder, const DotOperands& operands) {
  // Inside the lanes of the sum: shuffles are dear on many vector units, above all RISC-V's.
  llvm::Value* y = builder.CreateBitCast(operands.y, operands.x->getType());
  llvm::Value* z = builder.CreateBitCast(operands.z, operands.x->getType());
  llvm::Value* sum = operands.x;
  for (int i = 0; i < 4; ++i) {
    llvm::Value* product =
        builder.CreateMul(byte_of(builder, y, i, operands.y_is_signed), byte_of(builder, z, i, true));
    sum = builder.CreateAdd(sum, product);
  }
  return sum;
}

llvm::Value* dot2(llvm::IRBuilderBase& builder, const DotOperands& operands) {
  return dot(builder, operands, 2);
}

llvm::Value* widen(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y) {
  llvm::Value* wide = extended(builder, y, true, builder.getInt32Ty());
  return builder.CreateAdd(builder.CreateAdd(x, every(builder, wide, 0, 2)), every(builder, wide, 1, 2));
}

llvm::Value* f16_to_f32(llvm::IRBuilderBase& builder, llvm::Value* bits) {
  llvm::Value* wide = extended(builder, bits, false, builder.getInt32Ty());
  llvm::Type* float_type = llvm::FixedVectorType::get(builder.getFloatTy(), lanes(bits));
  const auto constant = [&](uint32_t value) { return llvm::ConstantInt::get(wide->getType(), value); };
  llvm::Value* sign = builder.CreateShl(builder.CreateAnd(wide, constant(0x8000)), constant(16));
  llvm::Value* magnitude = builder.CreateAnd(wide, constant(0x7fff));
  llvm::Value* fields = builder.CreateShl(magnitude, constant(13));
  // The exponent is 112 too small in this place; a multiplication mends it, subnormal values included.
  llvm::Value* finite = builder.CreateFMul(builder.CreateBitCast(fields, float_type),
                                           llvm::ConstantFP::get(float_type, 0x1p112));
  llvm::Value* finite_bits = builder.CreateBitCast(finite, wide->getType());
  llvm::Value* special = builder.CreateOr(fields, constant(0x7f800000));
  llvm::Value* is_finite = builder.CreateICmpULT(magnitude, constant(0x7c00));
  llvm::Value* result = builder.CreateOr(builder.CreateSelect(is_finite, finite_bits, special), sign);
  return builder.CreateBitCast(result, float_type);
}

}  // namespace tern::codegen::portable
