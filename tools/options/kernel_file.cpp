#include "tools/options/kernel_file.h"

#include <fmt/format.h>

#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "targets/legal.h"
#include "tools/options/input.h"

namespace tern::tools {

Error joined(const std::vector<Error>& errors) {
  std::vector<std::string> lines;
  for (const Error& error : errors) lines.push_back(error.text());
  return {fmt::format("{}", fmt::join(lines, "\n")), {}};
}

Expected<ir::Kernel> checked(ir::Kernel kernel, const ir::KernelLocations& locations) {
  if (const std::vector<Error> errors = ir::verify(kernel, locations); !errors.empty()) return joined(errors);
  return kernel;
}

Expected<ir::Kernel> read_kernel(const std::string& file) {
  TERN_ASSIGN(const std::string text, read_text(file));
  TERN_ASSIGN(ir::ParsedKernel parsed, ir::parse_kernel(text, file == "-" ? "standard input" : file));
  return checked(std::move(parsed.kernel), parsed.locations);
}

Status check_legal(const ir::Kernel& kernel, const targets::Target& target) {
  const std::vector<std::string> reasons = targets::legality_errors(kernel, target);
  if (reasons.empty()) return {};
  return Error{
      fmt::format("kernel {} is not legal on {}: {}", kernel.name, target.name, fmt::join(reasons, "; ")),
      {}};
}

}  // namespace tern::tools
