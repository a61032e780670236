// tern asm: what is generated for a kernel, at every stage, for any target.
#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <sstream>

#include "autotune/default_kernel.h"
#include "codegen/compile.h"
#include "codegen/lower.h"
#include "ir/verify.h"
#include "targets/host.h"
#include "targets/legal.h"
#include "tools/commands.h"
#include "tools/output_file.h"
#include "tools/target_option.h"

namespace tern::tools {
namespace {

struct AsmOptions {
  std::string kernel_file;
  ir::Problem problem{1, 2560, 2560, ir::Element::trit, ir::Scaling::tensor, 0};
  std::string weight = "trit";
  int64_t scale_group = 32;
  std::string target = "host";
  std::string emit = "asm";
  std::string output;
};

Expected<ir::ParsedKernel> read_kernel(const std::string& file) {
  std::ostringstream text;
  if (file == "-") {
    text << std::cin.rdbuf();
  } else {
    std::ifstream in(file);
    if (!in) return Error{"cannot be read", {file, 0, 0}};
    text << in.rdbuf();
  }
  return ir::parse_kernel(text.str(), file == "-" ? "standard input" : file);
}

Expected<ir::Problem> problem_of(const AsmOptions& options) {
  ir::Problem problem = options.problem;
  const std::optional<ir::Element> weight = ir::element_named(options.weight);
  if (!weight)
    return Error{fmt::format("'{}' is no type of weight: trit, i8, f16, bf16 or f32", options.weight), {}};
  problem.weight = *weight;
  problem.scaling = *weight == ir::Element::trit ? ir::Scaling::tensor
                    : *weight == ir::Element::i8 ? ir::Scaling::group
                                                 : ir::Scaling::none;
  problem.scale_group = problem.scaling == ir::Scaling::group ? options.scale_group : 0;
  return problem;
}

// All that verify found, one a line.
Error joined(const std::vector<Error>& errors) {
  std::string text;
  for (const Error& error : errors) text += (text.empty() ? "" : "\n") + error.text();
  return {text, {}};
}

Expected<ir::Kernel> kernel_of(const AsmOptions& options, const targets::Target& target) {
  ir::ParsedKernel parsed;
  if (!options.kernel_file.empty()) {
    Expected<ir::ParsedKernel> read = read_kernel(options.kernel_file);
    if (!read) return read.error();
    parsed = read.take();
  } else {
    const Expected<ir::Problem> problem = problem_of(options);
    if (!problem) return problem.error();
    // Check the sizes before anything is derived from them.
    for (int64_t size : {problem->m, problem->n, problem->k}) {
      if (size < 1 || size > (1 << 20)) return Error{"-m, -n and -k must be between 1 and 1048576", {}};
    }
    parsed.kernel = autotune::default_kernel(*problem, target);
  }
  if (const std::vector<Error> errors = ir::verify(parsed.kernel, parsed.places); !errors.empty())
    return joined(errors);
  return std::move(parsed.kernel);
}

Expected<std::string> text_of(const AsmOptions& options) {
  const Expected<targets::Target> target = targets::find_target(options.target);
  if (!target) return target.error();
  const Expected<ir::Kernel> kernel = kernel_of(options, *target);
  if (!kernel) return kernel.error();
  if (options.emit == "kernel") return print(*kernel);

  std::string passes;
  const ir::Program program = codegen::lower(*kernel, [&](std::string_view pass, const ir::Program& stage) {
    passes += fmt::format("// after: {}\n{}\n", pass, print(stage));
  });
  if (options.emit == "passes") return passes;
  if (const std::vector<Error> errors = ir::verify(program); !errors.empty()) return joined(errors);
  if (options.emit == "program") return print(program);
  if (const std::vector<std::string> reasons = targets::illegal(*kernel, *target); !reasons.empty())
    return Error{
        fmt::format("kernel {} is not legal on {}: {}", kernel->name, target->name, fmt::join(reasons, "; ")),
        {}};
  const codegen::Output output = options.emit == "llvm"       ? codegen::Output::llvm_ir
                                 : options.emit == "llvm-opt" ? codegen::Output::optimized_llvm_ir
                                 : options.emit == "object"   ? codegen::Output::object
                                                              : codegen::Output::assembly;
  return codegen::compile(program, *target, output);
}

}  // namespace

void add_asm(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<AsmOptions>();
  CLI::App* command = app.add_subcommand("asm", "Show what is generated for a kernel, for any target");
  command->add_option("--kernel", options->kernel_file, "Kernel text to read ('-': standard input)");
  command->add_option("-m", options->problem.m, "Tokens, without --kernel")->capture_default_str();
  command->add_option("-n", options->problem.n, "Outputs, without --kernel")->capture_default_str();
  command->add_option("-k", options->problem.k, "Inputs, without --kernel")->capture_default_str();
  command->add_option("--weight", options->weight, "trit, i8, f16, bf16 or f32")->capture_default_str();
  command->add_option("--scale-group", options->scale_group, "Inputs a scale, for i8")->capture_default_str();
  add_target_option(*command, options->target);
  command->add_option("--emit", options->emit, "What to show")
      ->check(CLI::IsMember({"kernel", "passes", "program", "llvm", "llvm-opt", "asm", "object"}))
      ->capture_default_str();
  command->add_option("-o,--output", options->output, "File to write; standard output if not given");
  command->callback([options, &exit_code] {
    const Expected<std::string> text = text_of(*options);
    exit_code = text ? write_output(options->output, *text) : report(text.error());
  });
}

}  // namespace tern::tools
