// The YAML form of the database: the one file of this floor that sees yaml-cpp.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "autotune/database.h"
#include "ir/verify.h"

namespace tern::autotune {
namespace {

Location place_of(const YAML::Mark& mark, const std::string& file) {
  return mark.is_null() ? Location{file, 0, 0} : Location{file, mark.line + 1, mark.column + 1};
}

Expected<ir::Kernel> read_kernel(const YAML::Node& node, const std::string& file) {
  const Location place = place_of(node.Mark(), file);
  if (!node.IsScalar()) return Error{"a record must be the text of a kernel", place};
  const Expected<ir::ParsedKernel> parsed = ir::parse_kernel(node.Scalar(), file);
  // Lines of a kernel count from its own start: say where that is.
  const auto within = [&](const Error& error) {
    return Error{fmt::format("in the kernel that begins here, line {}: {}", error.where.line, error.message),
                 place};
  };
  if (!parsed) return within(parsed.error());
  if (const std::vector<Error> errors = ir::verify(parsed->kernel, parsed->places); !errors.empty())
    return within(errors[0]);
  return parsed->kernel;
}

Expected<Database> read_database(const YAML::Node& root, const std::string& file) {
  if (!root.IsMap()) return Error{"a database must be a map with 'fingerprint' and 'kernels'", {file, 1, 1}};
  Database database;
  for (const auto& entry : root) {
    const std::string key = entry.first.Scalar();
    if (key == "fingerprint" && entry.second.IsScalar()) {
      database.fingerprint = entry.second.Scalar();
      continue;
    }
    if (key != "kernels" || !(entry.second.IsSequence() || entry.second.IsNull()))
      return Error{fmt::format("'{}' is not 'fingerprint' (a text) or 'kernels' (a list)", key),
                   place_of(entry.first.Mark(), file)};
    for (const YAML::Node& node : entry.second) {
      Expected<ir::Kernel> kernel = read_kernel(node, file);
      if (!kernel) return kernel.error();
      for (const ir::Kernel& earlier : database.kernels) {
        if (earlier.problem == kernel->problem)
          return Error{"an earlier record is for the same problem", place_of(node.Mark(), file)};
      }
      database.kernels.push_back(kernel.take());
    }
  }
  if (database.fingerprint.empty()) return Error{"the fingerprint of the CPU is missing", {file, 0, 0}};
  return database;
}

}  // namespace

Expected<Database> parse_database(std::string_view yaml, const std::string& file) {
  try {
    return read_database(YAML::Load(std::string(yaml)), file);
  } catch (const YAML::Exception& problem) {
    return Error{problem.msg, place_of(problem.mark, file)};
  }
}

std::string print(const Database& database) {
  YAML::Emitter out;
  out << YAML::BeginMap << YAML::Key << "fingerprint" << YAML::Value << database.fingerprint;
  out << YAML::Key << "kernels" << YAML::Value << YAML::BeginSeq;
  for (const ir::Kernel& kernel : database.kernels) out << YAML::Literal << print(kernel);
  out << YAML::EndSeq << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

}  // namespace tern::autotune
