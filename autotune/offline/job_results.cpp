// From what a device measured to records and choices.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <set>

#include "autotune/offline/job.h"
#include "autotune/offline/job_text.h"
#include "autotune/records/database_text.h"
#include "codegen/lower/lower.h"

namespace tern::autotune {
namespace {

// Smaller gains are not worth another kernel than the default.
constexpr double tie = 0.01;

// The candidates of a job by their hashes, in its order.
std::map<uint64_t, const Record*> candidates_of(const Job& job) {
  std::map<uint64_t, const Record*> found;
  for (const JobShape& shape : job.shapes) {
    for (const JobBucket& bucket : shape.buckets) {
      for (const Record& record : bucket.candidates) found.emplace(hash(record.kernel), &record);
    }
  }
  return found;
}

// The provenance as Tern itself would detect it on that device: a feature counts if all features that it
// builds on are there too.
Provenance as_detected(Provenance device, const targets::Target& target) {
  targets::FeatureSet claimed, features;
  for (const std::string& name : device.features) {
    if (const std::optional<targets::Feature> feature = targets::find_feature(name)) claimed.insert(*feature);
  }
  device.features.clear();
  for (const targets::Feature feature : claimed) {
    if (!claimed.contains(targets::with_implied({feature}))) continue;
    features.insert(feature);
    device.features.emplace_back(name(feature));
  }
  std::ranges::sort(device.features);
  // The runner says how wide scalable vectors are, and 0 without.
  if (device.vector_bits == 0) device.vector_bits = targets::max_vector_bits(target.architecture, features);
  return device;
}

class ResultsParser {
 public:
  ResultsParser(std::string_view text, const std::string& file, const Job& job)
      : stretches_(split(text)), file_(file), job_(job), candidates_(candidates_of(job)) {}

  Expected<JobResults> run() {
    const std::string digits = digits_of(job_);
    for (const Stretch& stretch : stretches_) {
      const Expected<Document> document = read_document(stretch, file_);
      if (!document) return document.error();
      place_ = {file_, stretch.line, 0};
      if (document->machine != digits)
        return Error{
            fmt::format("these are results of job {}, and the job here is {}", document->machine, digits),
            place_};
      if (end_) return Error{"goes on after its end", place_};
      if (const Status status = read(*document); !status) return status.error();
    }
    if (!end_) return Error{"has lost its end: it was not copied whole", {file_, 0, 0}};
    if (!has_machine_) return Error{"does not say which device was measured", {file_, 0, 0}};
    if (end_->documents != documents_)
      return Error{fmt::format("should hold {} results and holds {}", end_->documents, documents_),
                   {file_, 0, 0}};
    results_.complete = end_->complete && results_.records.size() == candidates_.size();
    return std::move(results_);
  }

 private:
  Status read(const Document& document) {
    if (document.kind == "machine") return read_device(document);
    if (document.kind == "end") {
      const Expected<ResultsEnd> end = read_results_end(document, file_);
      if (!end) return end.error();
      end_ = *end;
      return {};
    }
    ++documents_;
    if (document.kind == "kernel") return read_kernel(document);
    if (document.kind != "tables")
      return Error{fmt::format("results hold no documents of kind '{}'", document.kind), place_};
    const Expected<TableTime> tables = read_table_time(document, file_);
    if (!tables) return tables.error();
    results_.table_seconds[tables->program] = tables->seconds;
    return {};
  }

  Status read_device(const Document& document) {
    Expected<Provenance> device = read_provenance(document, file_);
    if (!device) return device.error();
    if (device->llvm != job_.provenance.llvm || device->generator != job_.provenance.generator)
      return Error{"the versions of LLVM and of the generator are not those of the job", place_};
    results_.device = as_detected(device.take(), job_.target);
    has_machine_ = true;
    return {};
  }

  Status read_kernel(const Document& document) {
    Expected<Record> record = read_record(document, file_);
    if (!record) return record.error();
    const uint64_t key = hash(record->kernel);
    const auto known = candidates_.find(key);
    if (known == candidates_.end())
      return Error{fmt::format("kernel {:016x} is not of this job", key), place_};
    if (!seen_.insert(key).second) return Error{fmt::format("kernel {:016x} is here twice", key), place_};
    if (record->conditions.target != job_.target.name)
      return Error{fmt::format("the job is for {}, not for {}", job_.target.name, record->conditions.target),
                   place_};
    if (!results_.records.empty() && results_.records[0].conditions != record->conditions)
      return Error{"not all was measured with the same number of threads", place_};
    record->kernel = known->second->kernel;  // with its own name
    record->recipe = known->second->recipe;
    record->predicted_seconds = known->second->predicted_seconds;
    results_.records.push_back(record.take());
    return {};
  }

  std::vector<Stretch> stretches_;
  const std::string& file_;
  const Job& job_;
  std::map<uint64_t, const Record*> candidates_;
  std::set<uint64_t> seen_;
  Location place_;
  std::optional<ResultsEnd> end_;
  int64_t documents_ = 0;
  bool has_machine_ = false;
  JobResults results_;
};

// The choice for one shape.
class Decision {
 public:
  Decision(const JobShape& shape, const JobResults& results) : shape_(shape), results_(results) {
    for (const Record& record : results.records) measured_.emplace(hash(record.kernel), &record);
  }

  // Nothing if a default kernel has no time: then there is nothing to compare with.
  std::optional<JobOutcome> run() {
    JobOutcome outcome;
    std::map<std::string, LayoutChoice> layouts;
    for (size_t b = 0; b < shape_.buckets.size(); ++b) {
      const Timing* of_default = timing(shape_.buckets[b].candidates[0]);
      if (!of_default) return std::nullopt;
      outcome.default_seconds.push_back(of_default->seconds);
      for (const Record& record : shape_.buckets[b].candidates)
        consider(layouts, b, record, of_default->seconds);
    }
    const LayoutChoice* best = nullptr;
    for (const auto& [key, layout] : layouts) {
      if (layout.kernels.size() == shape_.buckets.size() && (!best || layout.seconds < best->seconds))
        best = &layout;
    }
    // The default layout, which has a kernel for every number of rows, wins ties.
    const LayoutChoice& default_layout = layouts.at(print(shape_.buckets[0].candidates[0].kernel.weights));
    if (default_layout.kernels.size() == shape_.buckets.size() &&
        default_layout.seconds < (1 + tie) * best->seconds)
      best = &default_layout;
    Choice& choice = outcome.choice;
    for (size_t b = 0; b < shape_.buckets.size(); ++b) {
      const Timing& own = *timing(*best->kernels[b]);
      choice.kernels.push_back(best->kernels[b]->kernel);
      choice.ratios.push_back(own.ratio);
      choice.seconds.push_back(own.ratio * outcome.default_seconds[b]);
      choice.date = std::max(choice.date, own.date);
    }
    choice.complete = results_.complete;
    return outcome;
  }

 private:
  // The best kernel of each bucket for one layout.
  struct LayoutChoice {
    std::vector<const Record*> kernels;
    std::vector<double> costs;
    double seconds = 0;  // of a session
  };

  const Timing* timing(const Record& candidate) const {
    const auto found = measured_.find(hash(candidate.kernel));
    const bool has =
        found != measured_.end() && found->second->refused.empty() && !found->second->timings.empty();
    return has ? &found->second->timings.back() : nullptr;
  }

  void consider(std::map<std::string, LayoutChoice>& layouts, size_t b, const Record& record,
                double default_seconds) {
    const Timing* own = timing(record);
    if (!own) return;
    double cost = own->ratio * default_seconds;
    for (const ir::Program& preparation : codegen::preparations(record.kernel)) {
      const auto known = results_.table_seconds.find(codegen::hash(preparation));
      if (known != results_.table_seconds.end()) cost += shape_.tables_share * known->second;
    }
    LayoutChoice& layout = layouts[print(record.kernel.weights)];
    if (layout.kernels.size() < b) return;  // has none for fewer rows
    const double calls = shape_.buckets[b].demand.calls;
    if (layout.kernels.size() == b) {
      layout.kernels.push_back(&record);
      layout.costs.push_back(cost);
      layout.seconds += calls * cost;
      return;
    }
    // The first of a layout may be the default kernel, which wins ties.
    const bool is_default = layout.kernels[b] == &shape_.buckets[b].candidates[0];
    if (cost >= layout.costs[b] * (is_default ? 1 - tie : 1)) return;
    layout.seconds += calls * (cost - layout.costs[b]);
    layout.kernels[b] = &record;
    layout.costs[b] = cost;
  }

  const JobShape& shape_;
  const JobResults& results_;
  std::map<uint64_t, const Record*> measured_;
};

}  // namespace

Expected<JobResults> parse_results(std::string_view text, const std::string& file, const Job& job) {
  return ResultsParser(text, file, job).run();
}

JobFindings findings_of(const Job& job, const JobResults& results) {
  JobFindings findings;
  findings.database.provenance = results.device;
  findings.target_database.provenance = job.provenance;
  std::ranges::set_difference(job.provenance.features, results.device.features,
                              std::back_inserter(findings.missing));
  Database& found = findings.target_database;
  for (const Record& record : results.records) {
    // Neither refused nor timed: its default kernel was refused.
    if (!record.refused.empty() || !record.timings.empty()) found.records.push_back(record);
  }
  for (size_t i = 0; i < job.shapes.size(); ++i) {
    std::optional<JobOutcome> outcome = Decision(job.shapes[i], results).run();
    if (!outcome) continue;
    outcome->shape = i;
    outcome->choice.conditions = results.records[0].conditions;
    found.choices.push_back(outcome->choice);
    findings.outcomes.push_back(std::move(*outcome));
  }
  findings.database.records = found.records;
  findings.database.choices = found.choices;
  // Code for just what the device has is the code that it makes for itself.
  if (results.device.features == job.provenance.features &&
      results.device.vector_bits == job.provenance.vector_bits) {
    for (Record& record : findings.database.records) record.conditions.target = "host";
    for (Choice& choice : findings.database.choices) choice.conditions.target = "host";
  }
  // What another CPU refuses says nothing of the target.
  if (!findings.missing.empty()) found = {job.provenance, {}, {}, {}};
  return findings;
}

}  // namespace tern::autotune
