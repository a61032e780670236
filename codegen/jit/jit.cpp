#include "codegen/jit/jit.h"

#include <fmt/format.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/TargetParser/Host.h>

#include <atomic>

#include "codegen/emit/target_machine.h"
#include "codegen/jit/compile.h"
#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "targets/legal.h"

namespace tern::codegen {
namespace {

Error to_error(llvm::Error error) {
  return {"cannot load generated code: " + llvm::toString(std::move(error)), {}};
}

Error summary(const std::string& what, const std::vector<Error>& errors) {
  std::string text = what;
  for (const Error& error : errors) text += "\n  " + error.text();
  return {text, {}};
}

// Everything that determines an object.
std::string cache_key(const ir::Program& program, const targets::Target& target) {
  return fmt::format("{}\ntriple {}\nfeatures {}\ntune {}\nbits {}\nLLVM {}\ngenerator {}\n", print(program),
                     triple_of(target), text(target.features), target.llvm_cpu, target.vector_bits,
                     llvm_version(), generator_version);
}

}  // namespace

struct Jit::State {
  targets::Target target;
  std::optional<ObjectCache> cache;
  std::unique_ptr<llvm::orc::LLJIT> engine;
  std::atomic<int64_t> loaded = 0;
};

Expected<Jit> Jit::make(targets::Target target, std::optional<ObjectCache> cache) {
  const Expected<std::unique_ptr<llvm::TargetMachine>> machine = make_target_machine(target);
  if (!machine) return machine.error();
  const llvm::Triple here(llvm::sys::getProcessTriple());
  const llvm::Triple& there = (*machine)->getTargetTriple();
  // Another system calls functions in another way.
  if (there.getArch() != here.getArch() || there.getOS() != here.getOS())
    return Error{
        fmt::format("code for {} cannot run on this machine, which is {}", triple_of(target), here.str()),
        {}};
  auto engine = llvm::orc::LLJITBuilder().create();
  if (!engine) return to_error(engine.takeError());
  Jit jit;
  jit.state_ = std::make_shared<State>();
  jit.state_->target = std::move(target);
  jit.state_->cache = std::move(cache);
  jit.state_->engine = std::move(*engine);
  return jit;
}

const targets::Target& Jit::target() const {
  return state_->target;
}

Status Jit::check(const ir::Kernel& kernel) const {
  if (const std::vector<Error> errors = ir::verify(kernel); !errors.empty())
    return summary(fmt::format("kernel {} is wrong:", kernel.name), errors);
  if (const std::vector<std::string> reasons = targets::legality_errors(kernel, state_->target);
      !reasons.empty())
    return Error{fmt::format("kernel {} is not legal on {}: {}", kernel.name, state_->target.name,
                             fmt::join(reasons, "; ")),
                 {}};
  return {};
}

Expected<CompiledKernel> Jit::compile(const ir::Kernel& kernel) const {
  if (const Status status = check(kernel); !status) return status.error();
  return load(lower(kernel), std::make_shared<const ir::Kernel>(kernel));
}

Expected<CompiledKernel> Jit::compile(const ir::Program& program) const {
  return load(program, nullptr);
}

Expected<CompiledKernel> Jit::load(const ir::Program& program,
                                   std::shared_ptr<const ir::Kernel> kernel) const {
  if (const std::vector<Error> errors = ir::verify(program); !errors.empty())
    return summary(fmt::format("program {} is wrong:", program.name), errors);
  if (!is_unrolled(program)) return Error{fmt::format("program {} has loops to unroll", program.name), {}};

  // Its symbol does not depend on the name.
  ir::Program named = program;
  named.name = "kernel";
  const targets::Target& target = state_->target;
  std::string key;
  std::optional<std::string> object;
  if (state_->cache) {
    key = cache_key(named, target);
    object = state_->cache->load(key);
  }
  if (!object) {
    Expected<std::string> compiled = codegen::compile(named, target, Output::object);
    if (!compiled) return compiled.error();
    object = compiled.take();
    if (state_->cache) state_->cache->store(key, *object);
  }

  // A library of its own for each kernel keeps equal symbols apart; with it goes the code.
  llvm::orc::LLJIT& engine = *state_->engine;
  llvm::orc::ExecutionSession& session = engine.getExecutionSession();
  llvm::orc::JITDylib& library = session.createBareJITDylib(fmt::format("kernel{}", state_->loaded++));
  std::shared_ptr<void> code(nullptr, [state = state_, &session, &library](void*) {
    llvm::consumeError(session.removeJITDylib(library));
  });
  library.addToLinkOrder(engine.getMainJITDylib());
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(*object, named.name);
  if (llvm::Error error = engine.addObjectFile(library, std::move(buffer))) return to_error(std::move(error));
  auto symbol = engine.lookup(library, named.name);
  if (!symbol) return to_error(symbol.takeError());
  return CompiledKernel(symbol->toPtr<CompiledKernel::Function>(), std::move(kernel),
                        std::make_shared<const ir::Program>(program), std::move(code));
}

}  // namespace tern::codegen
