// Internal to codegen/: how the operations that CPUs have instructions for become LLVM IR. Everything else is
// plain vector IR in emit.cpp.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include "targets/target.h"

namespace tern::codegen {

// A vector may repeat one lane of a block of four, <4 x i32>. A null block: it is not known to.
struct LaneOfBlock {
  llvm::Value* block = nullptr;
  int lane = 0;
};

// The operands of dot4, dot2 and widen; see ir/op.h. A null `z` for widen.
struct DotOperands {
  llvm::Value* x;
  llvm::Value* y;
  llvm::Value* z;
  bool y_is_signed;
  int64_t bound;          // of |y|, for dot4
  LaneOfBlock z_repeats;  // how z came about
};

// Portable forms: right on every LLVM target.
namespace portable {
llvm::Value* dot4(llvm::IRBuilderBase& builder, const DotOperands& operands);
llvm::Value* dot2(llvm::IRBuilderBase& builder, const DotOperands& operands);
llvm::Value* widen(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y);
// <L x i16>, the bits of f16, to <L x float>, by integer operations and one multiplication.
llvm::Value* f16_to_f32(llvm::IRBuilderBase& builder, llvm::Value* bits);
}  // namespace portable

// x86 instructions; null if the target has none for that width.
namespace x86 {
// Unsigned bytes shifted right: x86 shifts words, and the bits that come from the neighbour are masked away.
llvm::Value* shift_right(llvm::IRBuilderBase& builder, llvm::Value* bytes, int64_t count);
llvm::Value* dot4(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands);
llvm::Value* dot2(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands);
llvm::Value* widen(llvm::IRBuilderBase& builder, const targets::Target& target, llvm::Value* x,
                   llvm::Value* y);
}  // namespace x86

// AArch64 instructions; null if the target has none for that width.
namespace arm {
llvm::Value* dot4(llvm::IRBuilderBase& builder, const targets::Target& target, const DotOperands& operands);
llvm::Value* dot2(llvm::IRBuilderBase& builder, const DotOperands& operands);
llvm::Value* widen(llvm::IRBuilderBase& builder, llvm::Value* x, llvm::Value* y);

// Several dot4 in a row that add to the same register, where NEON has no dot product of bytes: smlal adds up
// products in 16 bits, and as long as those hold them the neighbours are summed once, not for each dot4.
class PendingDot {
 public:
  // True if 16 bits are sure to hold the sum with these products too, and the target has nothing better.
  bool fits(const targets::Target& target, const DotOperands& operands) const;
  // Adds the products of y and z. Precondition: they fit.
  void add(llvm::IRBuilderBase& builder, const DotOperands& operands);
  // x + the sum. Precondition: something was added.
  llvm::Value* finish(llvm::IRBuilderBase& builder, llvm::Value* x) const;

 private:
  llvm::Value* halves_[2] = {};  // <8 x i16> each, for the two halves of the bytes
  int64_t largest_ = 0;          // magnitude that a lane can have
};
}  // namespace arm

}  // namespace tern::codegen
