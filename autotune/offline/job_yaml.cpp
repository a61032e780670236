// Reads what autotune/offline/job_text.cpp prints, and what the runner of a job does.
#include <charconv>

#include "autotune/offline/job_text.h"
#include "autotune/records/yaml_reader.h"

namespace tern::autotune {
namespace {

// Sixteen hexadecimal digits.
uint64_t parse_hash(YamlReader& in, const std::string& text, const YAML::Node& at) {
  uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (problem != std::errc() || end != text.data() + text.size() || text.size() != 16)
    in.fail("a hash of 16 digits is missing", at);
  return value;
}

JobPlan::Bucket read_bucket(YamlReader& in, const YAML::Node& map) {
  JobPlan::Bucket bucket;
  if (!in.check(map, {"rows", "calls", "default", "others"})) return bucket;
  bucket.demand = {in.integer(map, "rows"), in.number(map, "calls")};
  bucket.kernels.push_back(parse_hash(in, in.text(map, "default"), map));
  for (const YAML::Node& item : in.items(map, "others"))
    bucket.kernels.push_back(parse_hash(in, in.text(item), item));
  return bucket;
}

}  // namespace

Expected<JobPlan> read_job_plan(const Document& document, const std::string& file) {
  return read_yaml(document, file, [](YamlReader& in, const YAML::Node& map) {
    JobPlan plan;
    if (!in.check(map, {"made by", "target", "shapes"})) return plan;
    plan.made_by = in.text(map, "made by");
    plan.target = in.text(map, "target");
    for (const YAML::Node& item : in.items(map, "shapes")) {
      if (!in.check(item, {"tables share", "kernels"})) return plan;
      JobPlan::Shape shape{in.number(item, "tables share"), {}};
      for (const YAML::Node& bucket : in.items(item, "kernels"))
        shape.buckets.push_back(read_bucket(in, bucket));
      plan.shapes.push_back(std::move(shape));
    }
    return plan;
  });
}

Expected<TableTime> read_table_time(const Document& document, const std::string& file) {
  return read_yaml(document, file, [](YamlReader& in, const YAML::Node& map) {
    if (!in.check(map, {"program", "microseconds"})) return TableTime{};
    return TableTime{parse_hash(in, in.text(map, "program"), map), in.number(map, "microseconds", 6)};
  });
}

Expected<ResultsEnd> read_results_end(const Document& document, const std::string& file) {
  return read_yaml(document, file, [](YamlReader& in, const YAML::Node& map) {
    if (!in.check(map, {"documents", "complete"})) return ResultsEnd{};
    return ResultsEnd{in.integer(map, "documents"), in.truth(map, "complete")};
  });
}

}  // namespace tern::autotune
