#include "codegen/emit/emit.h"

#include <cassert>
#include <numeric>

#include "codegen/emit/emitter.h"
#include "codegen/emit/loop_label.h"

namespace tern::codegen {

using ir::Element;
using ir::Instruction;
using ir::Op;

Emitter::Emitter(const ir::Program& program, const targets::Target& target, llvm::TargetMachine& machine,
                 llvm::LLVMContext& context)
    : program_(program),
      target_(target),
      module_(std::make_unique<llvm::Module>(program.name, context)),
      builder_(context),
      variables_(program.variables.size()) {
  module_->setTargetTriple(machine.getTargetTriple().str());
  module_->setDataLayout(machine.createDataLayout());
}

std::unique_ptr<llvm::Module> Emitter::run() {
  start_function();
  emit(program_.body);
  if (!tiles_.empty() && x86::has_tiles(target_)) x86::tiles_end(builder_);
  builder_.CreateRetVoid();
  return std::move(module_);
}

void Emitter::start_function() {
  llvm::Type* pointer = builder_.getPtrTy();
  auto* type = llvm::FunctionType::get(builder_.getVoidTy(), {pointer, pointer}, false);
  function_ = llvm::Function::Create(type, llvm::Function::ExternalLinkage, program_.name, *module_);
  function_->addFnAttr(llvm::Attribute::NoUnwind);
  function_->addFnAttr("target-features", targets::llvm_attributes(target_.features));
  if (!target_.llvm_cpu.empty()) function_->addFnAttr("tune-cpu", target_.llvm_cpu);
  // The kernel's own choice of width stands, whatever the processor's tuning prefers.
  const std::string bits = std::to_string(target_.vector_bits);
  function_->addFnAttr("min-legal-vector-width", bits);
  function_->addFnAttr("prefer-vector-width", bits);
  // The width of SVE's vectors, counted in 128 bits, is this target's.
  const unsigned granules = target_.vector_bits / 128;
  if (is_arm() && granules > 1)
    function_->addFnAttr(llvm::Attribute::getWithVScaleRangeArgs(context(), granules, granules));

  builder_.SetInsertPoint(llvm::BasicBlock::Create(context(), "entry", function_));
  for (size_t i = 0; i < program_.buffers.size(); ++i) {
    if (program_.buffers[i].kind == ir::BufferKind::scratch) {
      buffers_.push_back(scratch(program_.buffers[i]));
      continue;
    }
    llvm::Value* place = builder_.CreateConstGEP1_64(pointer, function_->getArg(0), i);
    buffers_.push_back(builder_.CreateLoad(pointer, place, program_.buffers[i].name));
  }
  // Registers may be written more than once: they start as stack slots, and LLVM's SROA makes them values.
  for (const ir::RegisterArray& array : program_.registers) {
    std::vector<llvm::AllocaInst*>& slots = registers_.emplace_back();
    const bool is_tile = ir::is_tile(array.type);
    first_tile_.push_back(static_cast<int>(tiles_.size()));
    if (is_tile)
      tiles_.insert(tiles_.end(), static_cast<size_t>(array.count),
                    tile_shape(program_, static_cast<int>(first_tile_.size()) - 1));
    if (is_tile && x86::has_tiles(target_)) continue;
    for (int64_t i = 0; i < array.count; ++i) {
      // Tiles that the target does not have are memory, never values.
      llvm::Type* slot_type = is_tile
                                  ? static_cast<llvm::Type*>(llvm::ArrayType::get(builder_.getInt8Ty(), 1024))
                                  : type_of(array.type);
      slots.push_back(builder_.CreateAlloca(slot_type, nullptr, array.name));
      if (is_tile) slots.back()->setAlignment(llvm::Align(64));
    }
  }
  if (!tiles_.empty() && x86::has_tiles(target_)) x86::tiles_begin(builder_, tiles_);
}

llvm::Value* Emitter::scratch(const ir::Buffer& buffer) {
  const uint64_t bytes = buffer.size * size_in_bytes(buffer.element);
  llvm::AllocaInst* place =
      builder_.CreateAlloca(llvm::ArrayType::get(builder_.getInt8Ty(), bytes), nullptr, buffer.name);
  place->setAlignment(llvm::Align(buffer.alignment));
  return place;
}

llvm::Type* Emitter::type_of(Element element) {
  switch (element) {
    case Element::i8:
    case Element::u8: return builder_.getInt8Ty();
    case Element::i16:
    case Element::f16:
    case Element::bf16: return builder_.getInt16Ty();  // 16-bit floats are bits until they are converted
    case Element::i32: return builder_.getInt32Ty();
    case Element::f32: return builder_.getFloatTy();
    case Element::trit:
    case Element::sign:
    case Element::i2:
    case Element::i4: break;
  }
  assert(false && "trits have no storage");
  return nullptr;
}

llvm::FixedVectorType* Emitter::type_of(ir::VectorType type) {
  return llvm::FixedVectorType::get(type_of(type.element), type.lanes);
}

llvm::AllocaInst* Emitter::slot(const ir::RegisterUse& use) const {
  assert(use.index.terms.empty() && "unroll first");
  return registers_[use.array][use.index.constant];
}

llvm::Value* Emitter::read(const ir::RegisterUse& use) {
  finish_pending(key_of(use));
  llvm::AllocaInst* place = slot(use);
  return builder_.CreateLoad(place->getAllocatedType(), place);
}

std::pair<llvm::Value*, llvm::Align> Emitter::address(const Instruction& instruction) {
  const ir::Buffer& buffer = program_.buffers[instruction.buffer];
  return address(instruction, instruction.address.constant * size_in_bytes(buffer.element));
}

std::pair<llvm::Value*, llvm::Align> Emitter::address(const Instruction& instruction, int64_t constant) {
  const ir::Buffer& buffer = program_.buffers[instruction.buffer];
  const int64_t bytes = size_in_bytes(buffer.element);
  int64_t alignment = std::gcd(buffer.alignment, constant);
  llvm::Value* offset = builder_.getInt64(0);
  for (const ir::Affine::Term& term : instruction.address.terms) {
    alignment = std::gcd(alignment, term.factor * bytes);
    llvm::Value* share =
        builder_.CreateMul(variables_[term.variable], builder_.getInt64(term.factor * bytes));
    offset = builder_.CreateAdd(offset, share);
  }
  // The constant comes last: instructions hold it, and addresses that differ in nothing else share the
  // rest.
  llvm::Value* place = builder_.CreateGEP(builder_.getInt8Ty(), buffers_[instruction.buffer], offset);
  place = builder_.CreateConstGEP1_64(builder_.getInt8Ty(), place, constant);
  return {place, llvm::Align(static_cast<uint64_t>(alignment))};
}

void Emitter::emit(const ir::Body& body) {
  for (const ir::Statement& statement : body) {
    if (const Instruction* instruction = std::get_if<Instruction>(&statement))
      emit(*instruction);
    else
      emit(std::get<ir::Loop>(statement));
  }
  end_straight_line();
}

void Emitter::emit(const ir::Loop& loop) {
  end_straight_line();
  assert(loop.kind != ir::LoopKind::unroll && "unroll first");
  const bool parallel = loop.kind == ir::LoopKind::parallel;
  llvm::Value* begin = builder_.getInt64(0);
  llvm::Value* end = builder_.getInt64(loop.trips);
  if (parallel) {
    begin = range_bound(2 * parallel_seen_);
    end = range_bound(2 * parallel_seen_ + 1);
    ++parallel_seen_;
  }
  llvm::BasicBlock* before = builder_.GetInsertBlock();
  const std::string label = loop_label(program_.variables[loop.variable], loop.trips);
  auto* body = llvm::BasicBlock::Create(context(), label, function_);
  auto* after = llvm::BasicBlock::Create(context(), "after", function_);
  if (parallel)
    builder_.CreateCondBr(builder_.CreateICmpSLT(begin, end), body, after);
  else
    builder_.CreateBr(body);

  builder_.SetInsertPoint(body);
  llvm::PHINode* variable = builder_.CreatePHI(builder_.getInt64Ty(), 2, program_.variables[loop.variable]);
  variable->addIncoming(begin, before);
  variables_[loop.variable] = variable;
  unmasked_.clear();
  emit(loop.body);
  unmasked_.clear();
  llvm::Value* next = builder_.CreateNSWAdd(variable, builder_.getInt64(1));
  variable->addIncoming(next, builder_.GetInsertBlock());
  builder_.CreateCondBr(builder_.CreateICmpSLT(next, end), body, after);
  builder_.SetInsertPoint(after);
}

llvm::Value* Emitter::range_bound(int index) {
  llvm::Value* place = builder_.CreateConstGEP1_64(builder_.getInt64Ty(), function_->getArg(1), index);
  return builder_.CreateLoad(builder_.getInt64Ty(), place);
}

void Emitter::emit(const Instruction& instruction) {
  if (emit_tile(instruction)) return;
  if (is_prefetch(instruction.op)) return prefetch(instruction);
  if (emit_arm(instruction)) return;
  if (instruction.op == Op::store) {
    const auto [place, alignment] = address(instruction);
    builder_.CreateAlignedStore(read(instruction.operands[0]), place, alignment);
    return;
  }
  unmasked_to_be_.first = nullptr;
  llvm::AllocaInst* place = slot(instruction.result);
  builder_.CreateStore(value_of(instruction), place);
  unmasked_.erase(place);
  if (unmasked_to_be_.first == place) unmasked_[place] = unmasked_to_be_.second;
}

void Emitter::prefetch(const Instruction& instruction) {
  const auto [place, alignment] = address(instruction);
  llvm::Value* ahead =
      builder_.CreateGEP(builder_.getInt8Ty(), place, builder_.getInt64(instruction.immediate));
  // A read of data, to be kept in all levels of the cache (locality 3) or in all but the first (2).
  const int locality = instruction.op == Op::prefetch ? 3 : 2;
  builder_.CreateIntrinsic(llvm::Intrinsic::prefetch, {builder_.getPtrTy()},
                           {ahead, builder_.getInt32(0), builder_.getInt32(locality), builder_.getInt32(1)});
}

std::unique_ptr<llvm::Module> emit(const ir::Program& program, const targets::Target& target,
                                   llvm::TargetMachine& machine, llvm::LLVMContext& context) {
  return Emitter(program, target, machine, context).run();
}

}  // namespace tern::codegen
