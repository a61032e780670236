#include "codegen/cost/machine_blocks.h"

#include <llvm/CodeGen/AsmPrinter.h>
#include <llvm/CodeGen/MachineFrameInfo.h>
#include <llvm/CodeGen/MachineFunctionPass.h>
#include <llvm/CodeGen/MachineLoopInfo.h>
#include <llvm/CodeGen/MachineModuleInfo.h>
#include <llvm/CodeGen/Passes.h>
#include <llvm/CodeGen/PseudoSourceValue.h>
#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/MC/MCStreamer.h>
#include <llvm/MC/TargetRegistry.h>

#include <map>

namespace tern::codegen {
namespace {

// What the pass below learns of blocks, and where the streamer after it puts their instructions.
struct Recording {
  MachineCode code;
  std::map<const llvm::MCSymbol*, size_t> block_of;
};

bool is_spill_slot(const llvm::MachineMemOperand& operand, const llvm::MachineFrameInfo& frame) {
  const auto* slot = llvm::dyn_cast_if_present<llvm::FixedStackPseudoSourceValue>(operand.getPseudoValue());
  return slot && frame.isSpillSlotObjectIndex(slot->getFrameIndex());
}

int count_stack_accesses(const llvm::MachineBasicBlock& block) {
  const llvm::MachineFrameInfo& frame = block.getParent()->getFrameInfo();
  return static_cast<int>(llvm::count_if(block, [&](const llvm::MachineInstr& instruction) {
    return llvm::any_of(instruction.memoperands(), [&](const llvm::MachineMemOperand* operand) {
      return is_spill_slot(*operand, frame);
    });
  }));
}

// Runs last before instructions are handed to the streamer: the last place that knows of loops.
class RecordBlocks : public llvm::MachineFunctionPass {
 public:
  static char ID;
  explicit RecordBlocks(Recording& recording) : MachineFunctionPass(ID), recording_(recording) {}

  void getAnalysisUsage(llvm::AnalysisUsage& usage) const override {
    usage.addRequired<llvm::MachineLoopInfoWrapperPass>();
    usage.setPreservesAll();
    MachineFunctionPass::getAnalysisUsage(usage);
  }

  bool runOnMachineFunction(llvm::MachineFunction& function) override {
    const llvm::MachineLoopInfo& info = getAnalysis<llvm::MachineLoopInfoWrapperPass>().getLI();
    std::map<const llvm::MachineLoop*, int> index = {{nullptr, -1}};
    for (const llvm::MachineLoop* loop : info.getLoopsInPreorder()) {  // parents first
      const llvm::BasicBlock* head = loop->getHeader()->getBasicBlock();
      index[loop] = static_cast<int>(recording_.code.loops.size());
      recording_.code.loops.push_back({index.at(loop->getParentLoop()), head ? head->getName().str() : ""});
    }
    for (llvm::MachineBasicBlock& block : function) {
      block.setLabelMustBeEmitted();
      recording_.block_of[block.getSymbol()] = recording_.code.blocks.size();
      recording_.code.blocks.push_back({{}, index.at(info.getLoopFor(&block)), count_stack_accesses(block)});
    }
    return false;
  }

 private:
  Recording& recording_;
};
char RecordBlocks::ID = 0;

// Symbols belong to LLVM's context, which the recording outlives.
llvm::MCInst without_symbols(llvm::MCInst instruction) {
  for (llvm::MCOperand& operand : instruction) {
    if (operand.isExpr()) operand = llvm::MCOperand::createImm(1);
  }
  return instruction;
}

// Takes instructions where others write them to a file.
class RecordInstructions : public llvm::MCStreamer {
 public:
  RecordInstructions(llvm::MCContext& context, Recording& recording)
      : MCStreamer(context), recording_(recording) {}

  void emitLabel(llvm::MCSymbol* symbol, llvm::SMLoc place) override {
    MCStreamer::emitLabel(symbol, place);
    const auto block = recording_.block_of.find(symbol);
    if (block != recording_.block_of.end()) block_ = block->second;
  }
  void emitInstruction(const llvm::MCInst& instruction, const llvm::MCSubtargetInfo&) override {
    recording_.code.blocks[block_].instructions.push_back(without_symbols(instruction));
  }

  // Data is of no interest.
  bool emitSymbolAttribute(llvm::MCSymbol*, llvm::MCSymbolAttr) override { return true; }
  void emitCommonSymbol(llvm::MCSymbol*, uint64_t, llvm::Align) override {}
  void emitZerofill(llvm::MCSection*, llvm::MCSymbol*, uint64_t, llvm::Align, llvm::SMLoc) override {}

 private:
  Recording& recording_;
  size_t block_ = 0;  // the first has no label of its own
};

}  // namespace

Expected<MachineCode> machine_code(llvm::Module& module, llvm::TargetMachine& machine) {
  // As LLVMTargetMachine::addPassesToEmitFile, which takes no streamer of others.
  auto& generator = static_cast<llvm::LLVMTargetMachine&>(machine);
  const Error failure{"LLVM cannot generate code for " + machine.getTargetTriple().str(), {}};
  Recording recording;
  llvm::legacy::PassManager manager;
  auto* context = new llvm::MachineModuleInfoWrapperPass(&generator);
  llvm::TargetPassConfig* config = generator.createPassConfig(manager);
  manager.add(config);
  manager.add(context);
  if (config->addISelPasses()) return failure;
  config->addMachinePasses();
  config->setInitialized();
  manager.add(new RecordBlocks(recording));

  auto streamer = std::make_unique<RecordInstructions>(context->getMMI().getContext(), recording);
  machine.getTarget().createNullTargetStreamer(*streamer);
  llvm::AsmPrinter* printer = machine.getTarget().createAsmPrinter(machine, std::move(streamer));
  if (!printer) return failure;
  manager.add(printer);
  manager.add(llvm::createFreeMachineFunctionPass());
  manager.run(module);
  return std::move(recording.code);
}

}  // namespace tern::codegen
