#include "codegen/emit/target_machine.h"

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
  return std::unique_ptr<llvm::TargetMachine>(
      llvm_target->createTargetMachine(triple, "", targets::llvm_attributes(target.features), options,
                                       llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}

}  // namespace tern::codegen
