// Reads what autotune/records/database_text.cpp prints.
#include <limits>

#include "autotune/records/database_text.h"
#include "autotune/records/yaml_reader.h"

namespace tern::autotune {
namespace {

using Reader = YamlReader;

Conditions read_conditions(Reader& in, const YAML::Node& map) {
  return {in.text(map, "target"), in.small(map, "threads")};
}

// Time, where nothing is said.
Objective read_objective(Reader& in, const YAML::Node& map) {
  if (!map["objective"]) return Objective::time;
  const std::optional<Objective> objective = find_objective(in.text(map, "objective"));
  if (!objective) in.fail("'objective' is neither time nor energy", map["objective"]);
  return objective.value_or(Objective::time);
}

Timing read_timing(Reader& in, const YAML::Node& map) {
  if (!in.check(map, {"date", "microseconds", "spread", "rounds", "from cache", "ratio", "error", "load"}))
    return {};
  Timing timing;
  timing.date = in.text(map, "date");
  if (map["microseconds"] || !map["from cache"]) {
    timing.seconds = in.number(map, "microseconds", 6);
    timing.spread = in.number(map, "spread");
    timing.rounds = in.small(map, "rounds");
  }
  if (map["from cache"]) timing.cache_seconds = in.number(map, "from cache", 6);
  timing.ratio = in.number(map, "ratio");
  timing.error = in.number(map, "error");
  timing.load = in.number(map, "load");
  return timing;
}

bool share_weights(const ir::Kernel& a, const ir::Kernel& b) {
  ir::Problem same = b.problem;
  same.m = a.problem.m;
  return same == a.problem && a.weights == b.weights && a.scales == b.scales;
}

Choice read_choice(Reader& in, const YAML::Node& map) {
  if (!in.check(map, {"target", "threads", "date", "predicted", "complete", "kernels"})) return {};
  Choice choice;
  choice.conditions = read_conditions(in, map);
  choice.date = in.text(map, "date");
  choice.predicted = in.truth(map, "predicted");
  choice.complete = in.truth(map, "complete");
  for (const YAML::Node& item : in.items(map, "kernels")) {
    if (!in.check(item, {"microseconds", "ratio", "kernel"})) return {};
    choice.seconds.push_back(in.number(item, "microseconds", 6));
    choice.ratios.push_back(in.number(item, "ratio"));
    choice.kernels.push_back(in.kernel(item));
    const ir::Kernel &first = choice.kernels.front(), &last = choice.kernels.back();
    if (!share_weights(first, last)) in.fail("kernels of one choice must share packed weights", item);
    if (choice.kernels.size() > 1 && last.problem.m <= choice.kernels.end()[-2].problem.m)
      in.fail("the kernels of a choice come by ascending m", item);
  }
  if (choice.kernels.empty()) in.fail("a choice without kernels", map);
  return choice;
}

}  // namespace

Expected<Provenance> read_provenance(const Document& document, const std::string& file) {
  return read_yaml(document, file, [](Reader& in, const YAML::Node& map) {
    Provenance provenance;
    if (!in.check(map, {"cpu", "features", "vector bits", "caches", "cores", "llvm", "generator"}))
      return provenance;
    provenance.cpu = in.text(map, "cpu");
    for (const YAML::Node& name : in.items(map, "features")) provenance.features.push_back(in.text(name));
    provenance.vector_bits = in.small(map, "vector bits");
    for (const YAML::Node& item : in.items(map, "caches")) {
      if (!in.check(item, {"level", "bytes", "line bytes", "shared by cores"})) break;
      provenance.caches.push_back({in.small(item, "level"),
                                   in.integer(item, "bytes", std::numeric_limits<int64_t>::max()),
                                   in.small(item, "line bytes"), in.small(item, "shared by cores")});
    }
    provenance.cores = in.small(map, "cores");
    provenance.llvm = in.text(map, "llvm");
    provenance.generator = in.small(map, "generator");
    return provenance;
  });
}

Expected<Record> read_record(const Document& document, const std::string& file) {
  return read_yaml(document, file, [](Reader& in, const YAML::Node& map) {
    Record record;
    if (!in.check(map,
                  {"target", "threads", "recipe", "predicted microseconds", "refused", "timings", "kernel"}))
      return record;
    record.conditions = read_conditions(in, map);
    record.kernel = in.kernel(map);
    record.recipe = in.text(map, "recipe");
    if (map["predicted microseconds"]) record.predicted_seconds = in.number(map, "predicted microseconds", 6);
    if (map["refused"]) record.refused = in.text(map, "refused");
    for (const YAML::Node& timing : in.items(map, "timings"))
      record.timings.push_back(read_timing(in, timing));
    return record;
  });
}

Expected<Choice> read_choice(const Document& document, const std::string& file) {
  return read_yaml(document, file, [](Reader& in, const YAML::Node& map) { return read_choice(in, map); });
}

Expected<ThreadChoice> read_thread_choice(const Document& document, const std::string& file) {
  return read_yaml(document, file, [](Reader& in, const YAML::Node& map) {
    ThreadChoice threads;
    if (!in.check(map, {"model", "decode threads", "prefill threads", "processors", "date", "objective",
                        "decode joules", "prefill joules"}))
      return threads;
    threads.model = in.text(map, "model");
    threads.decode_threads = in.small(map, "decode threads");
    threads.prefill_threads = in.small(map, "prefill threads");
    for (const YAML::Node& item : in.items(map, "processors")) threads.processors.push_back(in.small(item));
    threads.date = in.text(map, "date");
    threads.objective = read_objective(in, map);
    if (map["decode joules"]) threads.decode_joules = in.number(map, "decode joules");
    if (map["prefill joules"]) threads.prefill_joules = in.number(map, "prefill joules");
    return threads;
  });
}

}  // namespace tern::autotune
