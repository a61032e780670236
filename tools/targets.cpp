// `tern targets`: the CPUs that code can be generated for, and what is known of each.
#include "targets/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "kernels/legality_table.h"
#include "targets/host.h"
#include "targets/probe.h"
#include "tools/commands.h"

namespace tern::tools {
namespace {

using nlohmann::ordered_json;

struct Arguments {
  std::string name;
  bool json = false;
  bool recipes = false;
};

int refuse(const Error& error) {
  fmt::print(stderr, "tern targets: {}\n", error.text());
  return exit_bad_input;
}

ordered_json feature_names(targets::FeatureSet features) {
  ordered_json names = ordered_json::array();
  for (const targets::Feature feature : features) names.push_back(name(feature));
  return names;
}

ordered_json target_json(const targets::Target& target) {
  ordered_json caches = ordered_json::array();
  for (const targets::Cache& cache : target.caches)
    caches.push_back({{"level", cache.level},
                      {"size_bytes", cache.size_bytes},
                      {"line_bytes", cache.line_bytes},
                      {"shared_by", cache.shared_by}});
  ordered_json object = {{"name", target.name},
                         {"description", target.description},
                         {"architecture", name(target.architecture)},
                         {"llvm_triple", target.llvm_triple},
                         {"llvm_cpu", target.llvm_cpu},
                         {"features", feature_names(target.features)},
                         {"vector_bits", target.vector_bits},
                         {"vector_registers", target.vector_registers},
                         {"caches", caches},
                         {"sources", target.sources}};
  if (target.cores) object["cores"] = *target.cores;
  if (target.memory_gigabytes_per_second)
    object["memory_gigabytes_per_second"] = *target.memory_gigabytes_per_second;
  return object;
}

// The probes of this machine's architecture.
std::vector<targets::ProbeReport> own_probes() {
  std::vector<targets::ProbeReport> reports = targets::probe_reports();
  std::erase_if(reports, [](const targets::ProbeReport& report) {
    return report.outcome == targets::ProbeOutcome::no_probe;
  });
  return reports;
}

ordered_json host_json(const targets::Host& host) {
  ordered_json object = target_json(host.target);
  object["fingerprint"] = text(host.fingerprint);
  object["hardware_threads"] = host.hardware_threads;
  for (const targets::ProbeReport& report : own_probes())
    object["probes"][std::string(name(report.feature))] = describe(report.outcome);
  return object;
}

// The detected machine as a target file, with what does not go into one as comments.
std::string host_text(const targets::Host& host) {
  std::string result = fmt::format(
      "# {}, {} hardware threads\n{}\n# Probes: a feature counts once an instruction of it gave the right "
      "result.\n",
      text(host.fingerprint), host.hardware_threads, print(host.target));
  for (const targets::ProbeReport& report : own_probes())
    result += fmt::format("#   {:<12} {:<20} {}\n", name(report.feature), info(report.feature).adds,
                          describe(report.outcome));
  return result;
}

int list_targets(bool json) {
  ordered_json array = ordered_json::array();
  int exit_code = exit_ok;
  for (const std::string& name : targets::target_names()) {
    const Expected<targets::Target> target = targets::load_target(name);
    if (!target) {  // the others are still worth listing
      exit_code = refuse(target.error());
    } else if (json) {
      array.push_back(target_json(*target));
    } else {
      fmt::print("{:<16} {}\n", name, target->description);
    }
  }
  if (json)
    fmt::print("{}\n", array.dump(2));
  else
    fmt::print("{:<16} {}\n", "host", "This machine, as detected");
  return exit_code;
}

// Which recipe is legal on every target, or on the one that is named.
int show_recipes(const Arguments& arguments) {
  std::vector<targets::Target> wanted;
  for (const std::string& name : targets::target_names()) {
    if (!arguments.name.empty() && name != arguments.name) continue;
    Expected<targets::Target> target = targets::load_target(name);
    if (!target) return refuse(target.error());
    wanted.push_back(target.take());
  }
  if (wanted.empty()) {
    Expected<targets::Target> target = targets::find_target(arguments.name);
    if (!target) return refuse(target.error());
    wanted.push_back(target.take());
  }
  fmt::print("{}", kernels::legality_page(wanted));
  return exit_ok;
}

int show_target(const Arguments& arguments) {
  const Expected<targets::Target> target = targets::find_target(arguments.name);
  if (!target) return refuse(target.error());
  if (arguments.name == "host") {
    const targets::Host& host = *targets::detect_host();
    fmt::print("{}", arguments.json ? host_json(host).dump(2) + "\n" : host_text(host));
  } else {
    fmt::print("{}", arguments.json ? target_json(*target).dump(2) + "\n" : print(*target));
  }
  return exit_ok;
}

}  // namespace

void add_targets(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("targets", "List the CPUs that code can be generated for, or describe one");
  command->add_option("name", arguments->name,
                      "A target's name, a target file, or host; all names if not given");
  command->add_flag("--json", arguments->json, "Print JSON");
  command
      ->add_flag("--recipes", arguments->recipes,
                 "Print which ways to pack and multiply weights are legal on which target, and why not")
      ->excludes("--json");
  command->callback([arguments, &exit_code] {
    if (arguments->recipes) {
      exit_code = show_recipes(*arguments);
      return;
    }
    exit_code = arguments->name.empty() ? list_targets(arguments->json) : show_target(*arguments);
  });
}

}  // namespace tern::tools
