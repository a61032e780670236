#include "codegen/emit.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/Target/TargetMachine.h>

#include <cassert>
#include <map>
#include <numeric>

#include "codegen/tile_ops.h"
#include "codegen/vector_ops.h"

namespace tern::codegen {
namespace {

using ir::Element;
using ir::Instruction;
using ir::Op;
using targets::Architecture;
using targets::Feature;

class Emitter {
 public:
  Emitter(const ir::Program& program, const targets::Target& target, llvm::TargetMachine& machine,
          llvm::LLVMContext& context)
      : program_(program),
        target_(target),
        module_(std::make_unique<llvm::Module>(program.name, context)),
        builder_(context),
        variables_(program.variables.size()) {
    module_->setTargetTriple(machine.getTargetTriple().str());
    module_->setDataLayout(machine.createDataLayout());
  }

  std::unique_ptr<llvm::Module> run() {
    start_function();
    emit(program_.body);
    if (tiles_ > 0 && x86::has_tiles(target_)) x86::tiles_end(builder_);
    builder_.CreateRetVoid();
    return std::move(module_);
  }

 private:
  llvm::LLVMContext& context() { return module_->getContext(); }

  void start_function() {
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
      first_tile_.push_back(tiles_);
      if (is_tile(array.type)) tiles_ += static_cast<int>(array.count);
      if (is_tile(array.type) && x86::has_tiles(target_)) continue;
      for (int64_t i = 0; i < array.count; ++i) {
        // Tiles that the target does not have are memory, never values.
        llvm::Type* slot_type =
            is_tile(array.type) ? static_cast<llvm::Type*>(llvm::ArrayType::get(builder_.getInt8Ty(), 1024))
                                : type_of(array.type);
        slots.push_back(builder_.CreateAlloca(slot_type, nullptr, array.name));
        if (is_tile(array.type)) slots.back()->setAlignment(llvm::Align(64));
      }
    }
    if (tiles_ > 0 && x86::has_tiles(target_)) x86::tiles_begin(builder_, tiles_);
  }

  llvm::Value* scratch(const ir::Buffer& buffer) {
    const uint64_t bytes = buffer.size * size_in_bytes(buffer.element);
    llvm::AllocaInst* place =
        builder_.CreateAlloca(llvm::ArrayType::get(builder_.getInt8Ty(), bytes), nullptr, buffer.name);
    place->setAlignment(llvm::Align(buffer.alignment));
    return place;
  }

  bool is_arm() const { return target_.architecture == Architecture::aarch64; }

  llvm::Type* type_of(Element element) {
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
      case Element::i4: break;
    }
    assert(false && "trits have no storage");
    return nullptr;
  }

  llvm::FixedVectorType* type_of(ir::VectorType type) {
    return llvm::FixedVectorType::get(type_of(type.element), type.lanes);
  }

  ir::VectorType ir_type(const ir::RegisterUse& use) const { return program_.registers[use.array].type; }

  llvm::AllocaInst* slot(const ir::RegisterUse& use) const {
    assert(use.index.terms.empty() && "unroll first");
    return registers_[use.array][use.index.constant];
  }

  llvm::Value* read(const ir::RegisterUse& use) {
    finish_pending(key_of(use));
    llvm::AllocaInst* place = slot(use);
    return builder_.CreateLoad(place->getAllocatedType(), place);
  }

  // The address of an element, and the alignment that is certain for it.
  std::pair<llvm::Value*, llvm::Align> address(const Instruction& instruction) {
    const ir::Buffer& buffer = program_.buffers[instruction.buffer];
    return address(instruction, instruction.address.constant * size_in_bytes(buffer.element));
  }

  // The same with another constant, in bytes.
  std::pair<llvm::Value*, llvm::Align> address(const Instruction& instruction, int64_t constant) {
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

  void emit(const ir::Body& body) {
    for (const ir::Statement& statement : body) {
      if (const Instruction* instruction = std::get_if<Instruction>(&statement))
        emit(*instruction);
      else
        emit(std::get<ir::Loop>(statement));
    }
    end_straight_line();
  }

  void emit(const ir::Loop& loop) {
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
    auto* body = llvm::BasicBlock::Create(context(), "body", function_);
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

  llvm::Value* range_bound(int index) {
    llvm::Value* place = builder_.CreateConstGEP1_64(builder_.getInt64Ty(), function_->getArg(1), index);
    return builder_.CreateLoad(builder_.getInt64Ty(), place);
  }

  llvm::Value* splat(const Instruction& instruction) {
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

  void prefetch(const Instruction& instruction) {
    const auto [place, alignment] = address(instruction);
    llvm::Value* ahead =
        builder_.CreateGEP(builder_.getInt8Ty(), place, builder_.getInt64(instruction.immediate));
    // A read, to be kept in all levels of the cache, of data.
    builder_.CreateIntrinsic(llvm::Intrinsic::prefetch, {builder_.getPtrTy()},
                             {ahead, builder_.getInt32(0), builder_.getInt32(3), builder_.getInt32(1)});
  }

  llvm::Value* f16_to_f32(llvm::Value* bits) {
    const bool native =
        target_.architecture == Architecture::aarch64 || target_.features.contains(Feature::f16c);
    if (!native) return portable::f16_to_f32(builder_, bits);
    const unsigned lanes = llvm::cast<llvm::FixedVectorType>(bits->getType())->getNumElements();
    llvm::Value* halves =
        builder_.CreateBitCast(bits, llvm::FixedVectorType::get(builder_.getHalfTy(), lanes));
    return builder_.CreateFPExt(halves, llvm::FixedVectorType::get(builder_.getFloatTy(), lanes));
  }

  llvm::Value* convert(const Instruction& instruction) {
    const Element from = ir_type(instruction.operands[0]).element;
    llvm::Type* to = type_of(ir_type(instruction.result));
    llvm::Value* value = read(instruction.operands[0]);
    switch (from) {
      case Element::f16: return f16_to_f32(value);
      case Element::bf16: {
        llvm::Type* bits = llvm::FixedVectorType::get(
            builder_.getInt32Ty(), llvm::cast<llvm::FixedVectorType>(to)->getNumElements());
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
      case Element::i4: break;
    }
    assert(false && "Verify refuses this conversion");
    return nullptr;
  }

  llvm::Value* dot(const Instruction& instruction) {
    const DotOperands operands{
        read(instruction.operands[0]), read(instruction.operands[1]), read(instruction.operands[2]),
        ir_type(instruction.operands[1]).element == Element::i8, instruction.immediate};
    if (instruction.op == Op::dot4) return dot4(operands);
    llvm::Value* value = nullptr;
    if (target_.architecture == Architecture::x86_64) value = x86::dot2(builder_, target_, operands);
    return value ? value : portable::dot2(builder_, operands);
  }

  llvm::Value* dot4(const DotOperands& operands) {
    llvm::Value* value = nullptr;
    if (target_.architecture == Architecture::x86_64) value = x86::dot4(builder_, target_, operands);
    return value ? value : portable::dot4(builder_, operands);
  }

  // x86 shifts words, not bytes, and has to mask the neighbours' bits away. Where only some bits of a byte
  // are looked at after that, the value without the mask does.
  struct Unmasked {
    llvm::Value* value;
    uint8_t valid;  // the bits that are right
  };

  void remember(const ir::RegisterUse& use, llvm::Value* value, uint8_t valid) {
    unmasked_to_be_ = {slot(use), {value, valid}};
  }

  // The register's value, of which only `bits` will be looked at.
  Unmasked read_bits(const ir::RegisterUse& use, uint8_t bits) {
    const auto known = unmasked_.find(slot(use));
    if (known != unmasked_.end() && (bits & ~known->second.valid) == 0) return known->second;
    return {read(use), 0xff};
  }

  llvm::Value* bit_and(const Instruction& instruction) {
    const auto mask = static_cast<uint8_t>(instruction.immediate);
    llvm::Value* value = read_bits(instruction.operands[0], mask).value;
    return builder_.CreateAnd(value, llvm::ConstantInt::get(value->getType(), mask));
  }

  llvm::Value* blend(const Instruction& instruction) {
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

  llvm::Value* shift(const Instruction& instruction) {
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

  llvm::Value* table(const Instruction& instruction) {
    const ir::Table& table = program_.tables[instruction.immediate];
    llvm::SmallVector<llvm::Constant*, 64> lanes;
    for (int i = 0; i < ir_type(instruction.result).lanes; ++i) {
      const auto value = static_cast<uint64_t>(table.values[i % table.values.size()]);
      lanes.push_back(llvm::ConstantInt::get(type_of(table.element), value, true));
    }
    return llvm::ConstantVector::get(lanes);
  }

  llvm::Value* lookup(llvm::Value* table, llvm::Value* index) {
    llvm::Value* value = nullptr;
    if (target_.architecture == Architecture::x86_64) value = x86::lookup(builder_, target_, table, index);
    return value ? value : portable::lookup(builder_, table, index);
  }

  llvm::Value* multiply_high(llvm::Value* bytes, int64_t factor) {
    llvm::Value* value = nullptr;
    if (target_.architecture == Architecture::x86_64) value = x86::multiply_high(builder_, bytes, factor);
    return value ? value : portable::multiply_high(builder_, bytes, factor);
  }

  // A byte of each lane, the low one or the next.
  llvm::Value* byte_of(llvm::Value* value, int64_t shift, llvm::Type* type) {
    return builder_.CreateTrunc(builder_.CreateLShr(value, llvm::ConstantInt::get(value->getType(), shift)),
                                type);
  }

  llvm::Value* widen(llvm::Value* x, llvm::Value* y) {
    llvm::Value* value = nullptr;
    if (target_.architecture == Architecture::x86_64) value = x86::widen(builder_, target_, x, y);
    return value ? value : portable::widen(builder_, x, y);
  }

  // What is known of a register of AArch64's between two borders of loops.
  using RegisterKey = std::pair<int, int64_t>;
  static RegisterKey key_of(const ir::RegisterUse& use) { return {use.array, use.index.constant}; }

  // Adds to a register what waits to be.
  void finish_pending(RegisterKey key) {
    const auto waiting = pending_.extract(key);
    if (!waiting) return;
    llvm::AllocaInst* place = registers_[key.first][key.second];
    llvm::Value* before = builder_.CreateLoad(place->getAllocatedType(), place);
    builder_.CreateStore(waiting.mapped().finish(builder_, before), place);
  }

  void end_straight_line() {
    while (!pending_.empty()) finish_pending(pending_.begin()->first);
    lanes_.clear();
  }

  // Instructions take one lane of a vector for all. So groups of 32 bits are read by the aligned 16 bytes
  // around them, which neighbouring groups then share. No block where these may reach past the buffer.
  LaneOfBlock lane_of_block(const Instruction& instruction) {
    constexpr int64_t block = 16;
    const ir::VectorType type = ir_type(instruction.result);
    const ir::Buffer& buffer = program_.buffers[instruction.buffer];
    const int64_t bytes = size_in_bytes(buffer.element);
    const int64_t constant = instruction.address.constant * bytes, offset = constant % block;
    if (bytes * instruction.immediate != 4 || offset % 4 != 0 || buffer.size * bytes % block != 0 ||
        (type.bits() > 128 && type.element != Element::i8))
      return {};
    const auto [place, alignment] = address(instruction, constant - offset);
    if (alignment < llvm::Align(block)) return {};
    auto* four = llvm::FixedVectorType::get(builder_.getInt32Ty(), 4);
    return {builder_.CreateAlignedLoad(four, place, alignment), static_cast<int>(offset / 4)};
  }

  llvm::Value* arm_splat(const Instruction& instruction) {
    const LaneOfBlock lane = lane_of_block(instruction);
    if (!lane.block) return nullptr;
    lanes_[key_of(instruction.result)] = lane;
    const ir::VectorType type = ir_type(instruction.result);
    const llvm::SmallVector<int, 4> chosen(type.bits() / 32, lane.lane);
    return builder_.CreateBitCast(builder_.CreateShuffleVector(lane.block, chosen), type_of(type));
  }

  DotOperands arm_operands(const Instruction& instruction) {
    const auto lane = lanes_.find(key_of(instruction.operands[2]));
    return {nullptr,
            read(instruction.operands[1]),
            read(instruction.operands[2]),
            ir_type(instruction.operands[1]).element == Element::i8,
            instruction.immediate,
            lane == lanes_.end() ? LaneOfBlock{} : lane->second};
  }

  // True if this dot4 now waits with others to be added to its register.
  bool waits(const Instruction& instruction) {
    if (instruction.op != Op::dot4 || instruction.result != instruction.operands[0]) return false;
    const DotOperands operands = arm_operands(instruction);
    if (!arm::PendingDot().fits(target_, operands)) return false;
    const RegisterKey key = key_of(instruction.result);
    if (!pending_[key].fits(target_, operands)) finish_pending(key);
    pending_[key].add(builder_, operands);
    return true;
  }

  // Bytes of the two operands side by side are i16.
  llvm::Value* arm_join(const Instruction& instruction) {
    llvm::Value* bytes = arm::interleave(builder_, target_, read(instruction.operands[0]),
                                         read(instruction.operands[1]), 1, instruction.immediate == 1);
    return bytes ? builder_.CreateBitCast(bytes, type_of(ir_type(instruction.result))) : nullptr;
  }

  llvm::Value* arm_value(const Instruction& instruction) {
    const auto operand = [&](int i) { return read(instruction.operands[i]); };
    if (instruction.op == Op::splat) return arm_splat(instruction);
    if (instruction.op == Op::widen) return arm::widen(builder_, operand(0), operand(1));
    if (instruction.op == Op::lookup) return arm::lookup(builder_, target_, operand(0), operand(1));
    if (instruction.op == Op::join) return arm_join(instruction);
    if (instruction.op == Op::interleave_low || instruction.op == Op::interleave_high)
      return arm::interleave(builder_, target_, operand(0), operand(1), instruction.immediate,
                             instruction.op == Op::interleave_high);
    if (instruction.op == Op::add_where || instruction.op == Op::subtract_where)
      return arm::add_where(builder_, operand(0), operand(1), operand(2),
                            instruction.op == Op::subtract_where);
    if (instruction.op == Op::dot8)
      return arm::dot8(builder_, target_, {operand(0), operand(1), operand(2), true, 128});
    if (instruction.op != Op::dot4 && instruction.op != Op::dot2) return nullptr;
    DotOperands operands = arm_operands(instruction);
    operands.x = read(instruction.operands[0]);
    return instruction.op == Op::dot4 ? arm::dot4(builder_, target_, operands)
                                      : arm::dot2(builder_, operands);
  }

  // True if AArch64 has a way of its own for the instruction.
  bool emit_arm(const Instruction& instruction) {
    if (!is_arm() || !row(instruction.op).has_result) return false;
    if (waits(instruction)) return true;
    finish_pending(key_of(instruction.result));
    lanes_.erase(key_of(instruction.result));
    llvm::Value* value = arm_value(instruction);
    if (value) builder_.CreateStore(value, slot(instruction.result));
    return value != nullptr;
  }

  llvm::Value* value_of(const Instruction& instruction) {
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
      case Op::blend: return blend(instruction);
      case Op::shift_left:
      case Op::shift_right: return shift(instruction);
      case Op::multiply_low: return portable::multiply_low(builder_, operand(0), immediate);
      case Op::multiply_high: return multiply_high(operand(0), immediate);
      case Op::lookup: {
        const auto index_bits = static_cast<uint8_t>(ir_type(instruction.operands[0]).lanes - 1);
        return lookup(operand(0), read_bits(instruction.operands[1], index_bits).value);
      }
      case Op::join: return portable::join(builder_, operand(0), operand(1), immediate);
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
      case Op::multiply: return builder_.CreateFMul(operand(0), operand(1));
      case Op::divide: return builder_.CreateFDiv(operand(0), operand(1));
      case Op::relu: {
        llvm::Value* zero = llvm::Constant::getNullValue(operand(0)->getType());
        return builder_.CreateSelect(builder_.CreateFCmpOLT(operand(0), zero), zero, operand(0));
      }
      case Op::convert: return convert(instruction);
      case Op::low_byte: return byte_of(operand(0), 0, type);
      case Op::high_byte: return byte_of(operand(0), 8, type);
      case Op::dot8: return portable::dot8(builder_, {operand(0), operand(1), operand(2), true, 128});
      case Op::dot4:
      case Op::dot2: return dot(instruction);
      case Op::widen: return widen(operand(0), operand(1));
      case Op::store:
      case Op::prefetch:
      case Op::tile_load:
      case Op::tile_store:
      case Op::tile_dot: break;
    }
    assert(false && "the operation has no result");
    return nullptr;
  }

  int tile(const ir::RegisterUse& use) const {
    return first_tile_[use.array] + static_cast<int>(use.index.constant);
  }

  // True if the instruction was one of tiles.
  bool emit_tile(const Instruction& instruction) {
    const bool has = x86::has_tiles(target_);
    const ir::RegisterUse& result = instruction.result;
    const int64_t immediate = instruction.immediate;
    if (instruction.op == Op::constant && is_tile(ir_type(result))) {
      has ? x86::tile_zero(builder_, tile(result)) : portable::tile_zero(builder_, slot(result));
      return true;
    }
    if (instruction.op == Op::tile_load) {
      llvm::Value* from = address(instruction).first;
      has ? x86::tile_load(builder_, tile(result), from, immediate)
          : portable::tile_load(builder_, slot(result), from, immediate);
      return true;
    }
    if (instruction.op == Op::tile_store) {
      llvm::Value* to = address(instruction).first;
      const ir::RegisterUse& x = instruction.operands[0];
      has ? x86::tile_store(builder_, tile(x), to, 4 * immediate)
          : portable::tile_store(builder_, slot(x), to, 4 * immediate);
      return true;
    }
    if (instruction.op != Op::tile_dot) return false;
    const ir::RegisterUse &y = instruction.operands[1], &z = instruction.operands[2];
    if (has)
      x86::tile_dot(builder_, tile(result), tile(y), tile(z));
    else
      portable::tile_dot(builder_, slot(result), slot(y), slot(z),
                         [&](const DotOperands& operands) { return dot4(operands); });
    return true;
  }

  void emit(const Instruction& instruction) {
    if (emit_tile(instruction)) return;
    if (instruction.op == Op::prefetch) return prefetch(instruction);
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

}  // namespace

std::unique_ptr<llvm::Module> emit(const ir::Program& program, const targets::Target& target,
                                   llvm::TargetMachine& machine, llvm::LLVMContext& context) {
  return Emitter(program, target, machine, context).run();
}

}  // namespace tern::codegen
