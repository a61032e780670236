// The parts of a bundle that LLVM makes: the objects of the kernels, the table, and the archive.
#include <fmt/format.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/Object/ArchiveWriter.h>

#include <map>

#include "codegen/bundle/bundle.h"
#include "codegen/bundle/bundle_abi.h"
#include "codegen/emit/target_machine.h"
#include "codegen/jit/compile.h"
#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"

namespace tern::codegen {
namespace {

// The object of a program, which defines the function `symbol`.
Expected<ObjectFile> object_of_program(ir::Program program, const std::string& symbol,
                                       const targets::Target& target) {
  if (const std::vector<Error> errors = ir::verify(program); !errors.empty())
    return Error{fmt::format("program {}: {}", program.name, errors.front().text()), {}};
  program.name = symbol;
  Expected<std::string> object = compile(program, target, Output::object);
  if (!object) return object.error();
  return ObjectFile{symbol + ".o", object.take()};
}

// Builds constants of the structures in bundle_abi.h, whose fields are pointers and 64-bit integers.
class Table {
 public:
  explicit Table(llvm::Module& module) : module_(module) {}

  llvm::Constant* integer(int64_t value) { return llvm::ConstantInt::get(type_of_integers(), value, true); }

  llvm::Constant* string(std::string_view text) {
    return global("", llvm::ConstantDataArray::getString(module_.getContext(), text),
                  llvm::GlobalValue::PrivateLinkage);
  }

  static llvm::Constant* structure(std::initializer_list<llvm::Constant*> fields) {
    return llvm::ConstantStruct::getAnon(fields);
  }

  llvm::Constant* null() {
    return llvm::ConstantPointerNull::get(llvm::PointerType::get(module_.getContext(), 0));
  }

  // A pointer to the first of them; null if there are none.
  llvm::Constant* array(const std::vector<llvm::Constant*>& elements) {
    if (elements.empty()) return null();
    auto* type = llvm::ArrayType::get(elements.front()->getType(), elements.size());
    return global("", llvm::ConstantArray::get(type, elements), llvm::GlobalValue::PrivateLinkage);
  }

  // A function that another object defines.
  llvm::Constant* function(const std::string& symbol) {
    auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(module_.getContext()), false);
    return llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, symbol, module_);
  }

  llvm::Constant* global(const std::string& symbol, llvm::Constant* value,
                         llvm::GlobalValue::LinkageTypes linkage) {
    return new llvm::GlobalVariable(module_, value->getType(), true, linkage, value, symbol);
  }

 private:
  llvm::Type* type_of_integers() { return llvm::Type::getInt64Ty(module_.getContext()); }

  llvm::Module& module_;
};

// Each function below writes its structure's fields in their order.
static_assert(TERN_BUNDLE_ABI == 3 && sizeof(tern_buffer) == 6 * 8 && sizeof(tern_kernel) == 16 * 8 &&
              sizeof(tern_preparation) == 6 * 8 && sizeof(tern_target) == 5 * 8 &&
              sizeof(tern_bundle) == 4 * 8);

llvm::Constant* buffer_constant(Table& table, const ir::Buffer& buffer) {
  return Table::structure({table.string(buffer.name), table.string(name(buffer.element)),
                           table.integer(buffer.size), table.integer(buffer.bytes()),
                           table.integer(buffer.alignment),
                           table.integer(buffer.kind == ir::BufferKind::output)});
}

std::vector<llvm::Constant*> buffer_constants(Table& table, const ir::Program& program) {
  std::vector<llvm::Constant*> buffers;
  for (const ir::Buffer& buffer : parameters(program)) buffers.push_back(buffer_constant(table, buffer));
  return buffers;
}

std::vector<llvm::Constant*> trip_constants(Table& table, const ir::Program& program) {
  std::vector<llvm::Constant*> trips;
  for (const ir::Loop* loop : parallel_loops(program)) trips.push_back(table.integer(loop->trips));
  return trips;
}

llvm::Constant* preparation_constant(Table& table, const ir::Program& program, const std::string& symbol) {
  const std::vector<llvm::Constant*> buffers = buffer_constants(table, program),
                                     trips = trip_constants(table, program);
  return Table::structure({table.integer(static_cast<int64_t>(hash(program))), table.array(buffers),
                           table.integer(static_cast<int64_t>(buffers.size())), table.array(trips),
                           table.integer(static_cast<int64_t>(trips.size())), table.function(symbol)});
}

llvm::Constant* kernel_constant(Table& table, const ir::Kernel& kernel, const ir::Program& program,
                                const std::string& target, const std::string& symbol,
                                const std::vector<llvm::Constant*>& preparations) {
  const std::vector<llvm::Constant*> buffers = buffer_constants(table, program),
                                     trips = trip_constants(table, program);
  const ir::Problem& problem = kernel.problem;
  return Table::structure(
      {table.string(kernel.name), table.string(target), table.string(name(problem.w.element)),
       table.string(print(kernel)), table.integer(problem.m), table.integer(problem.n),
       table.integer(problem.k), table.integer(static_cast<int64_t>(ir::hash(kernel))),
       table.integer(static_cast<int64_t>(hash(program))), table.array(buffers),
       table.integer(static_cast<int64_t>(buffers.size())), table.array(trips),
       table.integer(static_cast<int64_t>(trips.size())), table.function(symbol), table.array(preparations),
       table.integer(static_cast<int64_t>(preparations.size()))});
}

llvm::Constant* target_constant(Table& table, const targets::Target& target,
                                const std::vector<llvm::Constant*>& kernels) {
  return Table::structure({table.string(target.name), table.string(text(target.features)),
                           table.integer(target.vector_bits), table.array(kernels),
                           table.integer(static_cast<int64_t>(kernels.size()))});
}

Expected<std::string> object_of(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::SmallString<0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager manager;
  if (machine.addPassesToEmitFile(manager, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return Error{"LLVM cannot write object files of " + module.getTargetTriple(), {}};
  manager.run(module);
  return std::string(code.str());
}

}  // namespace

Expected<std::vector<ObjectFile>> compile_bundle(const Bundle& bundle) {
  Expected<std::unique_ptr<llvm::TargetMachine>> machine = make_target_machine(bundle.targets.back().target);
  if (!machine) return machine.error();
  llvm::LLVMContext context;
  llvm::Module module(bundle.name + "_bundle", context);
  module.setTargetTriple((*machine)->getTargetTriple().str());
  module.setDataLayout((*machine)->createDataLayout());
  Table table(module);

  std::vector<ObjectFile> objects;
  std::vector<llvm::Constant*> targets;
  for (const auto& [target, kernels] : bundle.targets) {
    std::vector<llvm::Constant*> entries;
    std::map<std::string, llvm::Constant*> shared;  // preparations by symbol
    for (const ir::Kernel& kernel : kernels) {
      std::vector<llvm::Constant*> own;
      for (const ir::Program& preparation : preparations(kernel)) {
        const std::string symbol = symbol_of(bundle, target, preparation);
        if (!shared.contains(symbol)) {
          Expected<ObjectFile> object = object_of_program(preparation, symbol, target);
          if (!object) return object.error();
          objects.push_back(object.take());
          shared[symbol] = table.array({preparation_constant(table, preparation, symbol)});
        }
        own.push_back(shared[symbol]);
      }
      const ir::Program program = lower(kernel);
      const std::string symbol = symbol_of(bundle, target, kernel);
      Expected<ObjectFile> object = object_of_program(program, symbol, target);
      if (!object) return object.error();
      objects.push_back(object.take());
      entries.push_back(kernel_constant(table, kernel, program, target.name, symbol, own));
    }
    targets.push_back(target_constant(table, target, entries));
  }
  llvm::Constant* whole =
      Table::structure({table.integer(TERN_BUNDLE_ABI), table.string(bundle.generator), table.array(targets),
                        table.integer(static_cast<int64_t>(targets.size()))});
  table.global(bundle.name + "_bundle", whole, llvm::GlobalValue::ExternalLinkage);
  Expected<std::string> object = object_of(module, **machine);
  if (!object) return object.error();
  objects.push_back({bundle.name + "_bundle.o", object.take()});
  return objects;
}

Expected<std::string> make_archive(const std::vector<ObjectFile>& objects) {
  std::vector<llvm::NewArchiveMember> members;
  for (const ObjectFile& object : objects)
    members.emplace_back(llvm::MemoryBufferRef(object.content, object.name));
  auto archive = llvm::writeArchiveToBuffer(members, llvm::SymtabWritingMode::NormalSymtab,
                                            llvm::object::Archive::K_GNU, /*Deterministic=*/true,
                                            /*Thin=*/false);
  if (!archive) return Error{"cannot make a library: " + llvm::toString(archive.takeError()), {}};
  return (*archive)->getBuffer().str();
}

}  // namespace tern::codegen
