// The one place that knows the names of x86 instructions.
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>

#include "codegen/vector_ops.h"

namespace tern::codegen::x86 {
namespace {

using llvm::Intrinsic::ID;
using targets::Feature;

constexpr ID none = llvm::Intrinsic::not_intrinsic;

// An instruction in its three widths.
struct Widths {
  ID bits128, bits256, bits512;
};

ID of_width(const Widths& widths, llvm::Value* vector) {
  switch (vector->getType()->getPrimitiveSizeInBits().getFixedValue()) {
    case 128: return widths.bits128;
    case 256: return widths.bits256;
    case 512: return widths.bits512;
    default: return none;
  }
}

llvm::Value* call(llvm::IRBuilderBase& builder, ID id, llvm::ArrayRef<llvm::Value*> arguments) {
  llvm::Module* module = builder.GetInsertBlock()->getModule();
  return builder.CreateCall(llvm::Intrinsic::getDeclaration(module, id), arguments);
}

// The same bits as lanes of another width.
llvm::Value* as_lanes(llvm::IRBuilderBase& builder, llvm::Value* vector, llvm::Type* element) {
  const unsigned bits = vector->getType()->getPrimitiveSizeInBits().getFixedValue();
  return builder.CreateBitCast(vector,
                               llvm::FixedVectorType::get(element, bits / element->getScalarSizeInBits()));
}

// Products of u8 and i8, neighbours added with saturation to i16: pmaddubsw.
Widths byte_pairs(const targets::FeatureSet& features) {
  return {features.contains(Feature::ssse3) ? llvm::Intrinsic::x86_ssse3_pmadd_ub_sw_128 : none,
          features.contains(Feature::avx2) ? llvm::Intrinsic::x86_avx2_pmadd_ub_sw : none,
          features.contains(Feature::avx512bw) ? llvm::Intrinsic::x86_avx512_pmaddubs_w_512 : none};
}

// Products of i16, neighbours added to i32: pmaddwd.
Widths word_pairs(const targets::FeatureSet& features) {
  return {features.contains(Feature::sse2) ? llvm::Intrinsic::x86_sse2_pmadd_wd : none,
          features.contains(Feature::avx2) ? llvm::Intrinsic::x86_avx2_pmadd_wd : none,
          features.contains(Feature::avx512bw) ? llvm::Intrinsic::x86_avx512_pmaddw_d_512 : none};
}

// Four products added to i32, u8 times i8 (vpdpbusd) or i8 times i8 (vpdpbssd).
Widths quad_dots(const targets::FeatureSet& features, bool both_signed) {
  if (both_signed) {
    const bool has = features.contains(Feature::avxvnniint8);
    return {has ? llvm::Intrinsic::x86_avx2_vpdpbssd_128 : none,
            has ? llvm::Intrinsic::x86_avx2_vpdpbssd_256 : none, none};
  }
  const bool wide = features.contains(Feature::avx512vnni);
  const bool narrow = features.contains(Feature::avxvnni) || (wide && features.contains(Feature::avx512vl));
  return {narrow ? llvm::Intrinsic::x86_avx512_vpdpbusd_128 : none,
          narrow ? llvm::Intrinsic::x86_avx512_vpdpbusd_256 : none,
          wide ? llvm::Intrinsic::x86_avx512_vpdpbusd_512 : none};
}

}  // namespace

llvm::Value* shift_right(llvm::IRBuilderBase& builder, llvm::Value* bytes, int64_t count) {
  // Said outright, so that the mask and a later one become one; LLVM's own byte shift by GFNI hides it.
  llvm::Value* words = as_lanes(builder, bytes, builder.getInt16Ty());
  llvm::Value* shifted = builder.CreateLShr(words, llvm::ConstantInt::get(words->getType(), count));
  llvm::Value* result = builder.CreateBitCast(shifted, bytes->getType());
  return builder.CreateAnd(result, llvm::ConstantInt::get(bytes->getType(), 0xff >> count));
}

llvm::Value* dot4(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands) {
  const ID quad = of_width(quad_dots(target.features, operands.y_is_signed), operands.y);
  if (quad != none) {
    llvm::Type* i32 = builder.getInt32Ty();
    return call(builder, quad,
                {operands.x, as_lanes(builder, operands.y, i32), as_lanes(builder, operands.z, i32)});
  }
  const ID bytes = of_width(byte_pairs(target.features), operands.y);
  const ID words = of_width(word_pairs(target.features), operands.y);
  // Two products must not saturate.
  if (operands.y_is_signed || bytes == none || words == none || 2 * operands.bound * 128 > 32767)
    return nullptr;
  llvm::Value* pairs = call(builder, bytes, {operands.y, operands.z});
  llvm::Value* ones = llvm::ConstantInt::get(pairs->getType(), 1);
  return builder.CreateAdd(operands.x, call(builder, words, {pairs, ones}));
}

llvm::Value* dot2(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands) {
  const ID bytes = of_width(byte_pairs(target.features), operands.y);
  if (bytes == none || operands.y_is_signed) return nullptr;
  return builder.CreateAdd(operands.x, call(builder, bytes, {operands.y, operands.z}));
}

llvm::Value* widen(llvm::IRBuilderBase& builder, const targets::Target& target, llvm::Value* x,
                   llvm::Value* y) {
  const ID words = of_width(word_pairs(target.features), y);
  if (words == none) return nullptr;
  return builder.CreateAdd(x, call(builder, words, {y, llvm::ConstantInt::get(y->getType(), 1)}));
}

}  // namespace tern::codegen::x86
