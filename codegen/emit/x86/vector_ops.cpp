// The one place that knows the names of x86 instructions.
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>

#include "codegen/emit/vector_ops.h"

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
Widths dot4_intrinsics(const targets::FeatureSet& features, bool both_signed) {
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

// x + products of u8 y and i8 z that do not fit i16: those of even and of odd bytes apart, as i16 each.
llvm::Value* dot4_by_words(llvm::IRBuilderBase& builder, ID words, const DotOperands& operands) {
  llvm::Value* y = as_lanes(builder, operands.y, builder.getInt16Ty());
  llvm::Value* z = as_lanes(builder, operands.z, builder.getInt16Ty());
  llvm::Value* eight = llvm::ConstantInt::get(y->getType(), 8);
  llvm::Value* even_y = builder.CreateAnd(y, llvm::ConstantInt::get(y->getType(), 0xff));
  llvm::Value* odd_y = builder.CreateLShr(y, eight);
  llvm::Value* even_z = builder.CreateAShr(builder.CreateShl(z, eight), eight);
  llvm::Value* odd_z = builder.CreateAShr(z, eight);
  llvm::Value* sum = builder.CreateAdd(operands.x, call(builder, words, {even_y, even_z}));
  return builder.CreateAdd(sum, call(builder, words, {odd_y, odd_z}));
}

}  // namespace

llvm::Value* shift_words_of_bytes(llvm::IRBuilderBase& builder, llvm::Value* bytes, int64_t right) {
  llvm::Value* words = as_lanes(builder, bytes, builder.getInt16Ty());
  llvm::Value* shifted = right >= 0
                             ? builder.CreateLShr(words, llvm::ConstantInt::get(words->getType(), right))
                             : builder.CreateShl(words, llvm::ConstantInt::get(words->getType(), -right));
  return builder.CreateBitCast(shifted, bytes->getType());
}

llvm::Value* dot4(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands) {
  const ID four = of_width(dot4_intrinsics(target.features, operands.y_is_signed), operands.y);
  if (four != none) {
    llvm::Type* i32 = builder.getInt32Ty();
    return call(builder, four,
                {operands.x, as_lanes(builder, operands.y, i32), as_lanes(builder, operands.z, i32)});
  }
  const ID bytes = of_width(byte_pairs(target.features), operands.y);
  const ID words = of_width(word_pairs(target.features), operands.y);
  if (operands.y_is_signed || words == none) return nullptr;
  // Two products must not saturate.
  if (2 * operands.bound * 128 > 32767) return dot4_by_words(builder, words, operands);
  if (bytes == none) return nullptr;
  llvm::Value* pairs = call(builder, bytes, {operands.y, operands.z});
  llvm::Value* ones = llvm::ConstantInt::get(pairs->getType(), 1);
  return builder.CreateAdd(operands.x, call(builder, words, {pairs, ones}));
}

llvm::Value* dot2(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands) {
  const ID bytes = of_width(byte_pairs(target.features), operands.y);
  if (bytes == none || operands.y_is_signed) return nullptr;
  return builder.CreateAdd(operands.x, call(builder, bytes, {operands.y, operands.z}));
}

llvm::Value* add_pairs(llvm::IRBuilderBase& builder, const targets::Target& target, llvm::Value* x,
                       llvm::Value* y) {
  const ID words = of_width(word_pairs(target.features), y);
  if (words == none) return nullptr;
  return builder.CreateAdd(x, call(builder, words, {y, llvm::ConstantInt::get(y->getType(), 1)}));
}

llvm::Value* lookup(llvm::IRBuilderBase& builder, const targets::Target& target, llvm::Value* table,
                    llvm::Value* index) {
  const targets::FeatureSet& features = target.features;
  const unsigned lanes = lane_count(index);
  if (features.contains(Feature::avx512vbmi) && (lanes == 64 || features.contains(Feature::avx512vl))) {
    const ID one =
        of_width({llvm::Intrinsic::x86_avx512_permvar_qi_128, llvm::Intrinsic::x86_avx512_permvar_qi_256,
                  llvm::Intrinsic::x86_avx512_permvar_qi_512},
                 index);
    const ID two = of_width(
        {llvm::Intrinsic::x86_avx512_vpermi2var_qi_128, llvm::Intrinsic::x86_avx512_vpermi2var_qi_256,
         llvm::Intrinsic::x86_avx512_vpermi2var_qi_512},
        index);
    if (one == none) return nullptr;
    if (lane_count(table) <= lanes) return call(builder, one, {repeated(builder, table, lanes), index});
    return lookup_in_pieces(builder, table, index, 2 * lanes, [&](llvm::Value* piece) {
      llvm::SmallVector<int, 64> low, high;
      for (unsigned lane = 0; lane < lanes; ++lane) {
        low.push_back(static_cast<int>(lane));
        high.push_back(static_cast<int>(lanes + lane));
      }
      return call(builder, two,
                  {builder.CreateShuffleVector(piece, low), index, builder.CreateShuffleVector(piece, high)});
    });
  }
  const ID shuffle =
      of_width({features.contains(Feature::ssse3) ? llvm::Intrinsic::x86_ssse3_pshuf_b_128 : none,
                features.contains(Feature::avx2) ? llvm::Intrinsic::x86_avx2_pshuf_b : none,
                features.contains(Feature::avx512bw) ? llvm::Intrinsic::x86_avx512_pshuf_b_512 : none},
               index);
  if (shuffle == none) return nullptr;
  llvm::Value* within = builder.CreateAnd(index, llvm::ConstantInt::get(index->getType(), 15));
  return lookup_in_pieces(builder, table, index, 16, [&](llvm::Value* piece) {
    return call(builder, shuffle, {repeated(builder, piece, lanes), within});
  });
}

llvm::Value* multiply_high(llvm::IRBuilderBase& builder, llvm::Value* bytes, int64_t factor) {
  if (factor != 3 || lane_count(bytes) % 2 != 0) return nullptr;
  // There is no product of bytes, but an average, rounded up: avg(~x, avg(~x, 255)) is ~(3 * x / 4), and
  // 3 * x / 256 are its highest two bits. LLVM knows the average by its definition.
  const auto average = [&](llvm::Value* a, llvm::Value* b) {
    llvm::Type* wide = llvm::FixedVectorType::get(builder.getInt16Ty(), lane_count(a));
    llvm::Value* sum = builder.CreateAdd(builder.CreateZExt(a, wide), builder.CreateZExt(b, wide));
    llvm::Value* half = builder.CreateLShr(builder.CreateAdd(sum, llvm::ConstantInt::get(wide, 1)),
                                           llvm::ConstantInt::get(wide, 1));
    return builder.CreateTrunc(half, a->getType());
  };
  llvm::Value* ones = llvm::ConstantInt::get(bytes->getType(), 255);
  llvm::Value* negated = builder.CreateNot(bytes);
  llvm::Value* shifted =
      shift_words_of_bytes(builder, builder.CreateNot(average(negated, average(negated, ones))), 6);
  return builder.CreateAnd(shifted, llvm::ConstantInt::get(bytes->getType(), 3));
}

}  // namespace tern::codegen::x86
