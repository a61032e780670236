#include "codegen/emit/target_machine.h"

#include <fmt/format.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Host.h>

#include <mutex>

namespace tern::codegen {
namespace {

void initialize_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
  });
}

}  // namespace

std::string triple_of(const targets::Target& target) {
  return target.llvm_triple.empty() ? llvm::sys::getDefaultTargetTriple() : target.llvm_triple;
}

Expected<std::unique_ptr<llvm::TargetMachine>> make_target_machine(const targets::Target& target) {
  initialize_llvm();
  const std::string triple = triple_of(target);
  std::string problem;
  const llvm::Target* llvm_target = llvm::TargetRegistry::lookupTarget(triple, problem);
  if (!llvm_target) return Error{"LLVM cannot make code for target " + target.name + ": " + problem, {}};
  // Instructions come from the features alone; the processor only tunes, by an attribute of each function.
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(
      llvm_target->createTargetMachine(triple, "", targets::llvm_attributes(target.features), options,
                                       llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
  if (!target.llvm_cpu.empty() && !machine->getMCSubtargetInfo()->isCPUStringValid(target.llvm_cpu))
    return Error{fmt::format("target {}: LLVM {} knows no llvm_cpu '{}'", target.name, LLVM_VERSION_STRING,
                             target.llvm_cpu),
                 {}};
  return machine;
}

}  // namespace tern::codegen
