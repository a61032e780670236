// tern asm: what is generated for a kernel, at every stage, for any target.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "codegen/cost/assembly_census.h"
#include "codegen/cost/cycle_estimate.h"
#include "codegen/jit/compile.h"
#include "codegen/lower/lower.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/knobs.h"
#include "kernels/recipe.h"
#include "targets/host.h"
#include "tools/commands.h"
#include "tools/options/kernel_file.h"
#include "tools/options/output_file.h"
#include "tools/options/record_options.h"
#include "tools/options/target_option.h"

namespace tern::tools {
namespace {

struct AsmOptions {
  std::string kernel_file;
  ir::Problem problem = ir::matmul(1, 2560, 2560, {ir::Element::trit, ir::Scaling::tensor});
  std::string weight = "trit";
  std::string recipe;
  std::optional<int64_t> scale_group, activation_group;
  std::string target = "host";
  runtime::RecordOptions records;
  std::string emit = "asm";
  std::string output;
};

Expected<ir::Problem> problem_of(const AsmOptions& options) {
  using ir::Element;
  constexpr Element weights[] = {Element::trit, Element::sign, Element::i2,   Element::i4,
                                 Element::i8,   Element::f16,  Element::bf16, Element::f32};
  const std::optional<Element> weight = ir::element_named(options.weight);
  if (!weight || std::find(std::begin(weights), std::end(weights), *weight) == std::end(weights))
    return Error{
        fmt::format("'{}' is no type of weight: trit, sign, i2, i4, i8, f16, bf16 or f32", options.weight),
        {}};
  ir::Problem problem = ir::matmul(options.problem.m, options.problem.n, options.problem.k,
                                   ir::weights_of(*weight, options.scale_group.value_or(32)));
  if (problem.is_quantized() && options.scale_group)
    problem.w = {*weight, ir::Scaling::group, *options.scale_group, Element::f16};
  const bool whole = *weight == Element::i4 || *weight == Element::i8;
  if ((problem.is_quantized() || whole) && options.activation_group)
    problem = ir::quantized_matmul(problem.m, problem.n, problem.k, problem.w, *options.activation_group);
  return problem;
}

// The recipe of that name, as `tern targets --recipes` writes it.
Expected<kernels::Recipe> find_recipe(const std::string& wanted, const ir::Problem& problem) {
  std::vector<std::string> names;
  for (const kernels::Recipe& recipe : kernels::recipes(problem)) {
    names.push_back(print(recipe));
    if (names.back() == wanted) return recipe;
  }
  return Error{fmt::format("'{}' is no recipe for weights of type {}: {}", wanted, name(problem.w.element),
                           fmt::join(names, ", ")),
               {}};
}

// What running a model on the target would take.
Expected<ir::Kernel> tuned_kernel(const AsmOptions& options, const ir::Problem& problem,
                                  const targets::Target& target) {
  TERN_ASSIGN(const autotune::Provenance machine, runtime::machine_of(options.target, target));
  TERN_ASSIGN(const runtime::TunedKernels tuned,
              runtime::load_tuned(options.records, machine, target, 0, print_warning));
  return checked(choose_kernel(tuned, problem));
}

Expected<ir::Kernel> kernel_of(const AsmOptions& options, const targets::Target& target) {
  if (!options.kernel_file.empty()) return read_kernel(options.kernel_file);
  TERN_ASSIGN(const ir::Problem problem, problem_of(options));
  // Check the sizes before anything is derived from them.
  for (int64_t size : {problem.m, problem.n, problem.k}) {
    if (size < 1 || size > (1 << 20)) return Error{"-m, -n and -k must be between 1 and 1048576", {}};
  }
  if ((problem.w.scaling == ir::Scaling::group && problem.w.group < 1) ||
      (problem.a.scaling == ir::Scaling::group && problem.a.group < 1))
    return Error{"a group of inputs that share a scale must have at least one", {}};
  if (options.recipe.empty()) return tuned_kernel(options, problem, target);
  TERN_ASSIGN(const kernels::Recipe recipe, find_recipe(options.recipe, problem));
  return checked(kernels::make_kernel(recipe, problem, target));
}

Expected<std::string> cost_of(const ir::Kernel& kernel, const ir::Program& program,
                              const targets::Target& target) {
  TERN_ASSIGN(const codegen::CycleEstimate estimate, codegen::estimate_cycles(program, target));
  return print(estimate, static_cast<double>(kernel.problem.n * kernel.problem.k));
}

Expected<std::string> text_of(const AsmOptions& options) {
  TERN_ASSIGN(const targets::Target target, targets::find_target(options.target));
  TERN_ASSIGN(const ir::Kernel kernel, kernel_of(options, target));
  if (options.emit == "kernel") return print(kernel);

  std::string passes;
  const ir::Program program = codegen::lower(kernel, [&](std::string_view pass, const ir::Program& stage) {
    passes += fmt::format("// after: {}\n{}\n", pass, print(stage));
  });
  if (options.emit == "passes") return passes;
  if (const std::vector<Error> errors = ir::verify(program); !errors.empty()) return joined(errors);
  if (options.emit == "program") return print(program);
  TERN_TRY(check_legal(kernel, target));
  if (options.emit == "cost") return cost_of(kernel, program, target);
  const codegen::Output output = options.emit == "llvm"       ? codegen::Output::llvm_ir
                                 : options.emit == "llvm-opt" ? codegen::Output::optimized_llvm_ir
                                 : options.emit == "object"   ? codegen::Output::object
                                                              : codegen::Output::assembly;
  Expected<std::string> text = codegen::compile(program, target, output);
  if (!text || options.emit != "census") return text;
  const std::optional<codegen::AssemblyCensus> census = codegen::census(*text);
  if (!census) return Error{fmt::format("kernel {} has no loop to count", kernel.name), {}};
  return print(*census);
}

}  // namespace

void add_asm(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<AsmOptions>();
  CLI::App* command = app.add_subcommand("asm", "Show what is generated for a kernel, for any target");
  command->add_option("--kernel", options->kernel_file, "Kernel text to read ('-': standard input)");
  command->add_option("-m", options->problem.m, "Tokens, without --kernel")->capture_default_str();
  command->add_option("-n", options->problem.n, "Outputs, without --kernel")->capture_default_str();
  command->add_option("-k", options->problem.k, "Inputs, without --kernel")->capture_default_str();
  command->add_option("--weight", options->weight, "trit, sign, i2, i4, i8, f16, bf16 or f32")
      ->capture_default_str();
  command->add_option("--scale-group", options->scale_group,
                      "Inputs that share a scale of W: 32 for i4 and i8; one scale for trit, sign and i2");
  command->add_option(
      "--activation-group", options->activation_group,
      "Inputs that share a scale of A, which then is i8 for i4 and i8 too; one a row for the others");
  command->add_option(
      "--recipe", options->recipe,
      "How weights are packed and multiplied, such as \"g3b5 dot table\" (see targets --recipes); "
      "the tuned or else the default kernel if not given");
  add_target_option(*command, options->target);
  add_record_options(*command, options->records);
  command->add_option("--emit", options->emit, "What to show")
      ->check(CLI::IsMember(
          {"kernel", "passes", "program", "llvm", "llvm-opt", "asm", "census", "cost", "object"}))
      ->capture_default_str();
  command->add_option("-o,--output", options->output, "File to write; standard output if not given");
  command->callback([options, &exit_code] {
    const Expected<std::string> text = text_of(*options);
    exit_code = text ? write_output(options->output, *text) : report(text.error());
  });
}

}  // namespace tern::tools
