#include "codegen/emit/vector_ops.h"

namespace tern::codegen {

unsigned lane_count(llvm::Value* vector) {
  return llvm::cast<llvm::FixedVectorType>(vector->getType())->getNumElements();
}

llvm::Value* strided_lanes(llvm::IRBuilderBase& builder, llvm::Value* vector, int first, int step) {
  llvm::SmallVector<int, 64> chosen;
  for (int lane = first; lane < static_cast<int>(lane_count(vector)); lane += step) chosen.push_back(lane);
  return builder.CreateShuffleVector(vector, chosen);
}

llvm::Value* repeated(llvm::IRBuilderBase& builder, llvm::Value* vector, unsigned lanes) {
  const unsigned own = lane_count(vector);
  if (lanes == own) return vector;
  llvm::SmallVector<int, 64> chosen;
  for (unsigned lane = 0; lane < lanes; ++lane) chosen.push_back(static_cast<int>(lane % own));
  return builder.CreateShuffleVector(vector, chosen);
}

llvm::Value* lookup_in_pieces(llvm::IRBuilderBase& builder, llvm::Value* table, llvm::Value* index,
                              unsigned piece_lanes,
                              const std::function<llvm::Value*(llvm::Value* piece)>& look_up) {
  const unsigned entries = lane_count(table);
  if (entries <= piece_lanes) return look_up(table);
  std::vector<llvm::Value*> found;
  for (unsigned first = 0; first < entries; first += piece_lanes) {
    llvm::SmallVector<int, 64> piece;
    for (unsigned lane = 0; lane < piece_lanes; ++lane) piece.push_back(static_cast<int>(first + lane));
    found.push_back(look_up(builder.CreateShuffleVector(table, piece)));
  }
  llvm::Value* zero = llvm::ConstantInt::get(index->getType(), 0);
  for (unsigned bit = piece_lanes; found.size() > 1; bit *= 2) {
    llvm::Value* masked = builder.CreateAnd(index, llvm::ConstantInt::get(index->getType(), bit));
    llvm::Value* is_high = builder.CreateICmpNE(masked, zero);
    std::vector<llvm::Value*> chosen;
    for (size_t i = 0; i < found.size(); i += 2)
      chosen.push_back(builder.CreateSelect(is_high, found[i + 1], found[i]));
    found = std::move(chosen);
  }
  return found[0];
}

}  // namespace tern::codegen

namespace tern::codegen::portable {
namespace {

unsigned lanes(llvm::Value* vector) {
  return lane_count(vector);
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
    llvm::Value* part = strided_lanes(builder, products, i, width);
    sum = builder.CreateAdd(
        sum, builder.CreateSExtOrTrunc(part, llvm::FixedVectorType::get(element, lanes(part))));
  }
  return sum;
}

llvm::Type* words_like(llvm::IRBuilderBase& builder, llvm::Value* vector) {
  return llvm::FixedVectorType::get(builder.getInt32Ty(), lanes(vector));
}

// The bits of |x|. As integers they are in the order of the magnitudes, with infinity and then NaN on top.
llvm::Value* magnitude_bits(llvm::IRBuilderBase& builder, llvm::Value* x) {
  llvm::Type* words = words_like(builder, x);
  return builder.CreateAnd(builder.CreateBitCast(x, words), llvm::ConstantInt::get(words, 0x7fffffff));
}

llvm::Value* in_every_lane(llvm::IRBuilderBase& builder, llvm::Value* scalar, llvm::Type* type) {
  const unsigned count = llvm::cast<llvm::FixedVectorType>(type)->getNumElements();
  return builder.CreateBitCast(builder.CreateVectorSplat(count, scalar), type);
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

llvm::Value* add_pairs(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y) {
  llvm::Value* wide = extended(builder, y, true, builder.getInt32Ty());
  return builder.CreateAdd(builder.CreateAdd(x, strided_lanes(builder, wide, 0, 2)),
                           strided_lanes(builder, wide, 1, 2));
}

llvm::Value* dot8(llvm::IRBuilderBase& builder, const DotOperands& operands) {
  // Rows of y and z brought side by side in the order of the sums, then sums of eight products.
  llvm::SmallVector<int, 64> y_rows, z_rows;
  for (unsigned sum = 0; sum < lanes(operands.x); ++sum) {
    for (unsigned i = 0; i < 8; ++i) {
      y_rows.push_back(static_cast<int>(sum / 4 * 16 + sum % 4 / 2 * 8 + i));
      z_rows.push_back(static_cast<int>(sum / 4 * 16 + sum % 2 * 8 + i));
    }
  }
  return dot(builder,
             {operands.x, builder.CreateShuffleVector(operands.y, y_rows),
              builder.CreateShuffleVector(operands.z, z_rows), true, operands.bound},
             8);
}

llvm::Value* lookup(llvm::IRBuilderBase& builder, llvm::Value* table, llvm::Value* index) {
  // Every entry in all lanes, then one choice a bit of the index.
  return lookup_in_pieces(builder, table, index, 1,
                          [&](llvm::Value* entry) { return repeated(builder, entry, lanes(index)); });
}

llvm::Value* bytes_to_i16(llvm::IRBuilderBase& builder, llvm::Value* low, llvm::Value* high, int64_t half) {
  llvm::SmallVector<int, 64> order;
  for (unsigned lane = 0; lane < lanes(low) / 2; ++lane) {
    const unsigned from = lane / 8 * 16 + static_cast<unsigned>(half) * 8 + lane % 8;
    order.push_back(static_cast<int>(from));
    order.push_back(static_cast<int>(lanes(low) + from));
  }
  llvm::Value* bytes = builder.CreateShuffleVector(low, high, order);
  return builder.CreateBitCast(bytes, llvm::FixedVectorType::get(builder.getInt16Ty(), lanes(low) / 2));
}

llvm::Value* interleave(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y, int64_t unit,
                        bool high) {
  llvm::SmallVector<int, 64> order;
  const int bytes = static_cast<int>(x->getType()->getScalarSizeInBits() / 8);
  const int count = static_cast<int>(lanes(x)), run = static_cast<int>(unit) / bytes, block = 16 / bytes;
  for (int lane = 0; lane < count; ++lane) {
    const int within = lane % block;
    const int from = lane / block * block + (high ? block / 2 : 0) + within / (2 * run) * run + within % run;
    order.push_back(within / run % 2 == 0 ? from : count + from);
  }
  return builder.CreateShuffleVector(x, y, order);
}

llvm::Value* add_where(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y, llvm::Value* mask,
                       bool subtract) {
  llvm::Value* bits = builder.CreateBitCast(mask, llvm::FixedVectorType::get(builder.getInt1Ty(), lanes(x)));
  llvm::Value* result = subtract ? builder.CreateSub(x, y) : builder.CreateAdd(x, y);
  return builder.CreateSelect(bits, result, x);
}

llvm::Value* apply_sign(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* signs) {
  llvm::Value* is_negative = builder.CreateICmpSLT(signs, llvm::Constant::getNullValue(signs->getType()));
  return builder.CreateSelect(is_negative, builder.CreateNeg(x), x);
}

llvm::Value* multiply_low(llvm::IRBuilderBase& builder, llvm::Value* bytes, int64_t factor) {
  // By doubling: few CPUs multiply bytes.
  llvm::Value* sum = nullptr;
  for (llvm::Value* power = bytes;; power = builder.CreateAdd(power, power)) {
    if (factor % 2 != 0) sum = sum ? builder.CreateAdd(sum, power) : power;
    factor /= 2;
    if (factor == 0) return sum;
  }
}

llvm::Value* multiply_high(llvm::IRBuilderBase& builder, llvm::Value* bytes, int64_t factor) {
  llvm::Value* wide = extended(builder, bytes, false, builder.getInt16Ty());
  llvm::Value* product = builder.CreateMul(wide, llvm::ConstantInt::get(wide->getType(), factor));
  llvm::Value* high = builder.CreateLShr(product, llvm::ConstantInt::get(wide->getType(), 8));
  return builder.CreateTrunc(high, bytes->getType());
}

llvm::Value* absmax(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y) {
  llvm::Value* x_bits = magnitude_bits(builder, x);
  llvm::Value* y_bits = magnitude_bits(builder, y);
  llvm::Value* is_larger = builder.CreateICmpSGT(x_bits, y_bits);
  return builder.CreateBitCast(builder.CreateSelect(is_larger, x_bits, y_bits), x->getType());
}

llvm::Value* absmax_across(llvm::IRBuilderBase& builder, llvm::Value* vector, llvm::Type* type) {
  return in_every_lane(builder, builder.CreateIntMaxReduce(magnitude_bits(builder, vector), true), type);
}

llvm::Value* add_across(llvm::IRBuilderBase& builder, llvm::Value* vector, llvm::Type* type) {
  return in_every_lane(builder, builder.CreateAddReduce(vector), type);
}

llvm::Value* round_clamp(llvm::IRBuilderBase& builder, llvm::Value* vector, int64_t bound, llvm::Type* type) {
  const auto real = [&](double value) { return llvm::ConstantFP::get(vector->getType(), value); };
  const auto limit = static_cast<double>(bound);
  llvm::Value* value = builder.CreateSelect(builder.CreateFCmpORD(vector, vector), vector, real(0));
  value = builder.CreateSelect(builder.CreateFCmpOGT(value, real(limit)), real(limit), value);
  value = builder.CreateSelect(builder.CreateFCmpOLT(value, real(-limit)), real(-limit), value);
  // Beyond 2^23 f32 has no halves: the sum is rounded to even, and its low bits hold the number. It takes no
  // instruction that a CPU may lack.
  llvm::Type* words = words_like(builder, vector);
  llvm::Value* sum = builder.CreateBitCast(builder.CreateFAdd(value, real(0x1.8p23)), words);
  llvm::Value* whole = builder.CreateSub(sum, llvm::ConstantInt::get(words, 0x4b400000));
  return builder.CreateSExtOrTrunc(whole, type);
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
