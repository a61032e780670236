// tern compile: kernels as a static library and a C header, for programs that have no LLVM.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "base/system_error.h"
#include "codegen/bundle/bundle.h"
#include "kernels/row_buckets.h"
#include "runtime/execute/product.h"
#include "runtime/model/model.h"
#include "targets/host.h"
#include "targets/legal.h"
#include "tools/commands.h"
#include "tools/options/engine_options.h"
#include "tools/options/kernel_file.h"
#include "tools/options/output_file.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

struct CompileFlags {
  std::vector<std::string> kernel_files;
  std::string model;
  std::vector<std::string> targets;
  size_t batch = kernels::default_max_rows;
  std::vector<int64_t> rows;
  runtime::RecordOptions records;
  std::string folder, name;
  std::string emit = "library";
};

using Kernels = std::vector<ir::Kernel>;

// The numbers of rows to compile for.
kernels::RowBuckets buckets_of(const CompileFlags& flags) {
  if (flags.rows.empty()) return kernels::RowBuckets::up_to(static_cast<int64_t>(flags.batch));
  const std::set<int64_t> rows(flags.rows.begin(), flags.rows.end());
  return kernels::RowBuckets({rows.begin(), rows.end()});
}

// A product of a model with a number of rows.
struct RowsOfProduct {
  runtime::Product product;
  ir::Problem problem;
};

// The products of a model that need kernels of their own.
std::vector<RowsOfProduct> distinct_products(const runtime::Model& model,
                                             const kernels::RowBuckets& buckets) {
  std::vector<RowsOfProduct> found;
  for (const runtime::Product& product : runtime::products_of(model)) {
    for (const int64_t rows : buckets.rows()) {
      const ir::Problem problem = runtime::problem_of(product, rows);
      const auto same = [&](const RowsOfProduct& other) {
        return other.problem == problem && other.product.epilogue == product.epilogue;
      };
      if (std::ranges::none_of(found, same)) found.push_back({product, problem});
    }
  }
  return found;
}

// The kernels that `tern run` would take for a model on the target.
Expected<Kernels> chosen_kernels(const CompileFlags& flags, const std::vector<RowsOfProduct>& products,
                                 const std::string& target_name, const targets::Target& target) {
  if (products.empty()) return Kernels();
  TERN_ASSIGN(const autotune::Provenance machine, runtime::machine_of(target_name, target));
  TERN_ASSIGN(const runtime::TunedKernels tuned,
              runtime::load_tuned(flags.records, machine, target, 0, print_warning));
  Kernels kernels;
  for (const auto& [product, problem] : products)
    kernels.push_back(with_epilogue_of(product, choose_kernel(tuned, problem)));
  return kernels;
}

// Adds a kernel, unless it is there; one of the same name that differs gets its hash as a surname.
void add_kernel(Kernels& kernels, ir::Kernel kernel) {
  const auto has_its_name = [&](const ir::Kernel& other) {
    return codegen::identifier(other.name) == codegen::identifier(kernel.name);
  };
  if (const auto same = std::ranges::find_if(kernels, has_its_name); same != kernels.end()) {
    if (hash(*same) == hash(kernel)) return;
    kernel.name += fmt::format("_{:016x}", hash(kernel));
    if (std::ranges::any_of(kernels, has_its_name)) return;
  }
  kernels.push_back(std::move(kernel));
}

Expected<codegen::BundleTarget> kernels_for(const CompileFlags& flags, const std::string& target_name,
                                            const Kernels& from_files,
                                            const std::vector<RowsOfProduct>& products) {
  TERN_ASSIGN(targets::Target target, targets::find_target(target_name));
  codegen::BundleTarget result{std::move(target), {}};
  for (const ir::Kernel& kernel : from_files) {
    if (targets::legality_errors(kernel, result.target).empty()) add_kernel(result.kernels, kernel);
  }
  TERN_ASSIGN(Kernels chosen, chosen_kernels(flags, products, target_name, result.target));
  for (ir::Kernel& kernel : chosen) {
    TERN_TRY(check_legal(kernel, result.target));
    add_kernel(result.kernels, std::move(kernel));
  }
  return result;
}

// Every kernel that was asked for must be of use somewhere; where it is not, that is said.
Status check_used(const Kernels& from_files, const codegen::Bundle& bundle) {
  for (const ir::Kernel& kernel : from_files) {
    std::vector<std::string> reasons;
    for (const codegen::BundleTarget& entry : bundle.targets) {
      if (const Status status = check_legal(kernel, entry.target); !status)
        reasons.push_back(status.error().message);
    }
    if (reasons.size() == bundle.targets.size())
      return Error{fmt::format("{}", fmt::join(reasons, "\n")), {}};
    for (const std::string& reason : reasons) fmt::print(stderr, "tern: left out: {}\n", reason);
  }
  return {};
}

Expected<codegen::Bundle> plan_bundle(const CompileFlags& flags) {
  if (flags.kernel_files.empty() && flags.model.empty())
    return Error{"nothing to compile: name files with kernels, or a model with -m", {}};
  Kernels from_files;
  for (const std::string& file : flags.kernel_files) {
    TERN_ASSIGN(ir::Kernel kernel, read_kernel(file));
    from_files.push_back(std::move(kernel));
  }
  std::optional<runtime::Model> model;
  std::vector<RowsOfProduct> products;
  if (!flags.model.empty()) {
    TERN_ASSIGN(model, runtime::load_model(flags.model, {.check_values = false}));
    products = distinct_products(*model, buckets_of(flags));
  }
  const std::string source = flags.model.empty() ? flags.kernel_files.front() : flags.model;
  codegen::Bundle bundle;
  bundle.name = codegen::identifier(flags.name.empty() ? fs::path(source).stem().string() : flags.name);
  bundle.generator = TERN_VERSION;
  for (const std::string& target : flags.targets) {
    TERN_ASSIGN(codegen::BundleTarget entry, kernels_for(flags, target, from_files, products));
    bundle.targets.push_back(std::move(entry));
  }
  TERN_TRY(codegen::arrange_targets(bundle));
  TERN_TRY(check_used(from_files, bundle));
  std::erase_if(bundle.targets, [](const codegen::BundleTarget& entry) { return entry.kernels.empty(); });
  return bundle;
}

// The files of the folder: the header, and the library or the objects.
Expected<std::vector<codegen::ObjectFile>> files_of(const codegen::Bundle& bundle, bool as_library) {
  TERN_ASSIGN(std::vector<codegen::ObjectFile> objects, codegen::compile_bundle(bundle));
  std::vector<codegen::ObjectFile> files = {{bundle.name + ".h", codegen::bundle_header(bundle)}};
  if (as_library) {
    TERN_ASSIGN(std::string archive, codegen::make_archive(objects));
    files.push_back({"lib" + bundle.name + ".a", std::move(archive)});
  } else {
    std::ranges::move(objects, std::back_inserter(files));
  }
  return files;
}

Expected<int> compile(const CompileFlags& flags) {
  TERN_ASSIGN(const codegen::Bundle bundle, plan_bundle(flags));
  const fs::path folder = flags.folder.empty() ? fs::path(bundle.name) : fs::path(flags.folder);
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) return Error{problem.message(), {folder.string(), 0, 0}, kind_of_errno(problem.value())};
  TERN_ASSIGN(const std::vector<codegen::ObjectFile> files, files_of(bundle, flags.emit == "library"));
  size_t bytes = 0;
  for (const codegen::ObjectFile& file : files) {
    if (const int code = write_output((folder / file.name).string(), file.content); code != exit_ok)
      return code;
    bytes += file.content.size();
  }
  std::vector<std::string> counts;
  for (const codegen::BundleTarget& entry : bundle.targets)
    counts.push_back(fmt::format("{} kernels for {}", entry.kernels.size(), entry.target.name));
  fmt::print("{}: {}, {:.1f} MB\n", folder.string(), fmt::join(counts, ", "),
             static_cast<double>(bytes) / 1e6);
  return exit_ok;
}

}  // namespace

void add_compile(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<CompileFlags>();
  CLI::App* command = app.add_subcommand(
      "compile", "Write kernels as a static library with a C header, for programs without LLVM");
  command->add_option("kernels", flags->kernel_files,
                      "Files with a kernel each, as `tern asm --emit kernel` prints them");
  command->add_option("-m,--model", flags->model, "Model: all the kernels that running it takes");
  flags->targets = {"host"};
  command
      ->add_option("--target", flags->targets,
                   "CPU to compile for, repeated for several of one architecture: a name that `tern targets` "
                   "lists, a YAML file, or host")
      ->allow_extra_args(false)  // what follows is a file
      ->capture_default_str();
  add_batch_option(*command, flags->batch);
  command
      ->add_option(
          "--rows", flags->rows,
          "Numbers of rows to compile a model's kernels for, with commas; a step takes the next that is "
          "enough (default: 1, 2, 4, 8 ... and --batch)")
      ->delimiter(',')
      ->check(CLI::Range(1, 4096))
      ->excludes("--batch");
  add_record_options(*command, flags->records);
  command->add_option("-o,--output", flags->folder,
                      "Folder to write to, made if need be (default: the name)");
  command->add_option(
      "--name", flags->name,
      "What files and functions are called (default: as the model, or the first kernel's file)");
  command->add_option("--emit", flags->emit, "A library, or its objects one by one")
      ->check(CLI::IsMember({"library", "objects"}))
      ->capture_default_str();
  command->callback([flags, &exit_code] {
    const Expected<int> code = compile(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools
