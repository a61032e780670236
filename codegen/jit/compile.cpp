#include "codegen/jit/compile.h"

#include <llvm/ADT/SmallString.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include "codegen/emit/emit.h"
#include "codegen/emit/optimize.h"
#include "codegen/emit/target_machine.h"

namespace tern::codegen {
namespace {

std::string print_module(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, nullptr);
  return text;
}

}  // namespace

Expected<std::string> compile(const ir::Program& program, const targets::Target& target, Output output) {
  Expected<std::unique_ptr<llvm::TargetMachine>> machine = make_target_machine(target);
  if (!machine) return machine.error();
  llvm::LLVMContext context;
  const std::unique_ptr<llvm::Module> module = emit(program, target, **machine, context);
  assert(!llvm::verifyModule(*module, &llvm::errs()));
  if (output == Output::llvm_ir) return print_module(*module);
  optimize(*module, **machine);
  if (output == Output::optimized_llvm_ir) return print_module(*module);

  llvm::SmallString<0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager manager;
  const auto kind =
      output == Output::assembly ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  if ((*machine)->addPassesToEmitFile(manager, stream, nullptr, kind))
    return Error{"LLVM cannot write this kind of file for target " + target.name, {}};
  manager.run(*module);
  return std::string(code.str());
}

std::string llvm_version() {
  return LLVM_VERSION_STRING;
}

}  // namespace tern::codegen
