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

  // x86 shifts words, not bytes, and has to mask the neighbours' bits away. Where only some bits of a byte
  // are looked at after that, the value without the mask does.
  struct Unmasked {
    llvm::Value* value;
    uint8_t valid;  // the bits that are right
  };
  void remember(const ir::RegisterUse& use, llvm::Value* value, uint8_t valid);
  // The register's value, of which only `bits` will be looked at.
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

  // What is known of a register of AArch64's between two borders of loops.
  using RegisterKey = std::pair<int, int64_t>;
  static RegisterKey key_of(const ir::RegisterUse& use) { return {use.array, use.index.constant}; }
  // Adds to a register what waits to be.
  void finish_pending(RegisterKey key);
  void end_straight_line();
  // Instructions take one lane of a vector for all. So groups of 32 bits are read by the aligned 16 bytes
  // around them, which neighbouring groups then share. No block where these may reach past the buffer.
  LaneOfBlock lane_of_block(const ir::Instruction& instruction);
  llvm::Value* arm_splat(const ir::Instruction& instruction);
  DotOperands arm_operands(const ir::Instruction& instruction);
  // True if this dot4 now waits with others to be added to its register.
  bool waits(const ir::Instruction& instruction);
  // Bytes of the two operands side by side are i16.
  llvm::Value* arm_bytes_to_i16(const ir::Instruction& instruction);
  llvm::Value* arm_value(const ir::Instruction& instruction);
  // True if AArch64 has a way of its own for the instruction.
  bool emit_arm(const ir::Instruction& instruction);

  int tile(const ir::RegisterUse& use) const;
  // True if the instruction was one of tiles.
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
  std::map<RegisterKey, arm::PendingDot> pending_;  // what registers have yet to be given
  int parallel_seen_ = 0;
  std::map<llvm::AllocaInst*, Unmasked> unmasked_;  // within a body
  std::pair<llvm::AllocaInst*, Unmasked> unmasked_to_be_ = {};
  int tiles_ = 0;                // in all arrays of registers
  std::vector<int> first_tile_;  // of each array, among all
};

}  // namespace tern::codegen
