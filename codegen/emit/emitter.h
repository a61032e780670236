// Internal to codegen/: the state of emitting one Program. What is emitted for AArch64 alone is in
// emit_arm.cpp, tiles are in emit_tiles.cpp, the values of operations in emit_values.cpp; the rest is in
// emit.cpp.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/Target/TargetMachine.h>

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "codegen/emit/tile_ops.h"
#include "codegen/emit/vector_ops.h"
#include "ir/program/program.h"
#include "targets/target.h"

namespace tern::codegen {

class Emitter {
 public:
  Emitter(const ir::Program& program, const targets::Target& target, llvm::TargetMachine& machine,
          llvm::LLVMContext& context);
  std::unique_ptr<llvm::Module> run();

 private:
  llvm::LLVMContext& context() { return module_->getContext(); }
  void start_function();
  llvm::Value* scratch(const ir::Buffer& buffer);

  // Types and registers.
  bool is_arm() const { return target_.architecture == targets::Architecture::aarch64; }
  llvm::Type* type_of(ir::Element element);
  llvm::FixedVectorType* type_of(ir::VectorType type);
  ir::VectorType ir_type(const ir::RegisterUse& use) const { return program_.registers[use.array].type; }
  llvm::AllocaInst* slot(const ir::RegisterUse& use) const;
  llvm::Value* read(const ir::RegisterUse& use);

  // The address of an element, and the alignment that is certain for it.
  std::pair<llvm::Value*, llvm::Align> address(const ir::Instruction& instruction);
  // The same with another constant, in bytes.
  std::pair<llvm::Value*, llvm::Align> address(const ir::Instruction& instruction, int64_t constant);

  // Statements.
  void emit(const ir::Body& body);
  void emit(const ir::Loop& loop);
  void emit(const ir::Instruction& instruction);
  void prefetch(const ir::Instruction& instruction);
  llvm::Value* range_bound(int index);

  // Values.
  llvm::Value* value_of(const ir::Instruction& instruction);
  llvm::Value* splat(const ir::Instruction& instruction);
  llvm::Value* f16_to_f32(llvm::Value* bits);
  llvm::Value* convert(const ir::Instruction& instruction);
  llvm::Value* dot(const ir::Instruction& instruction);
  llvm::Value* dot4(const DotOperands& operands);

  // x86 shifts words, not bytes, so that a shift of bytes needs a mask against bits of the neighbouring byte.
  // An operation that reads only bits which the shift alone gets right takes the value before the mask.
  struct Unmasked {
    llvm::Value* value;
    uint8_t valid;  // the bits that are right without the mask
  };
  void remember(const ir::RegisterUse& use, llvm::Value* value, uint8_t valid);
  // The register's value, of which the caller reads only `bits`.
  Unmasked read_bits(const ir::RegisterUse& use, uint8_t bits);
  llvm::Value* bit_and(const ir::Instruction& instruction);
  llvm::Value* bit_select(const ir::Instruction& instruction);
  llvm::Value* shift(const ir::Instruction& instruction);

  llvm::Value* table(const ir::Instruction& instruction);
  llvm::Value* lookup(llvm::Value* table, llvm::Value* index);
  llvm::Value* multiply_high(llvm::Value* bytes, int64_t factor);
  // A byte of each lane, the low one or the next.
  llvm::Value* byte_of(llvm::Value* value, int64_t shift, llvm::Type* type);
  llvm::Value* add_pairs(llvm::Value* x, llvm::Value* y);

  // Names a register for what is known of it (AArch64) until the next loop begins or ends.
  using RegisterKey = std::pair<int, int64_t>;
  static RegisterKey key_of(const ir::RegisterUse& use) { return {use.array, use.index.constant}; }
  // Adds the pending dot products of a register to it.
  void finish_pending(RegisterKey key);
  void end_straight_line();
  // AArch64's dot products can multiply all lanes with one lane of a vector. So a splat of four bytes loads
  // the aligned 16 bytes around them, which the splats of its neighbours share. No block where these 16 bytes
  // may reach past the buffer.
  LaneOfBlock lane_of_block(const ir::Instruction& instruction);
  llvm::Value* arm_splat(const ir::Instruction& instruction);
  DotOperands arm_operands(const ir::Instruction& instruction);
  // Makes a dot4 pending, if products of its operands can be; false if it cannot.
  bool waits(const ir::Instruction& instruction);
  // Interleaves the low and the high bytes: side by side they are i16.
  llvm::Value* arm_bytes_to_i16(const ir::Instruction& instruction);
  llvm::Value* arm_value(const ir::Instruction& instruction);
  // Emits an instruction in AArch64's own way; false if it has none.
  bool emit_arm(const ir::Instruction& instruction);

  int tile(const ir::RegisterUse& use) const;
  // Emits an instruction on tiles; false if it is none.
  bool emit_tile(const ir::Instruction& instruction);

  const ir::Program& program_;
  const targets::Target& target_;
  std::unique_ptr<llvm::Module> module_;
  llvm::IRBuilder<> builder_;
  llvm::Function* function_ = nullptr;
  std::vector<llvm::Value*> buffers_;
  std::vector<std::vector<llvm::AllocaInst*>> registers_;
  std::vector<llvm::Value*> variables_;
  std::map<RegisterKey, LaneOfBlock> lanes_;        // registers that repeat a lane
  std::map<RegisterKey, arm::PendingDot> pending_;  // dot products not yet added to a register
  int parallel_seen_ = 0;
  std::map<llvm::AllocaInst*, Unmasked> unmasked_;  // within a body
  std::pair<llvm::AllocaInst*, Unmasked> unmasked_to_be_ = {};
  std::vector<TileShape> tiles_;  // of all arrays of registers
  std::vector<int> first_tile_;   // of each array, among all
};

}  // namespace tern::codegen
