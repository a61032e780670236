#include "autotune/offline/job_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "autotune/records/database_text.h"
#include "base/decimal.h"
#include "base/hash.h"
#include "targets/legal.h"

namespace tern::autotune {
namespace {

constexpr std::string_view plan_kind = "job", target_kind = "target", machine_kind = "machine",
                           record_kind = "kernel";

constexpr std::string_view preface =
    "# What is in the library beside this file. Each document has a checksum: change nothing inside.\n";

JobPlan plan_of(const Job& job) {
  JobPlan plan{job.made_by, job.target.name, {}};
  for (const JobShape& shape : job.shapes) {
    JobPlan::Shape planned{shape.tables_share, {}};
    for (const JobBucket& bucket : shape.buckets) {
      planned.buckets.push_back({bucket.demand, {}});
      for (const Record& record : bucket.candidates)
        planned.buckets.back().kernels.push_back(hash(record.kernel));
    }
    plan.shapes.push_back(std::move(planned));
  }
  return plan;
}

// Kinds and bodies of all documents, in their order.
std::vector<std::pair<std::string_view, std::string>> parts_of(const Job& job) {
  std::vector<std::pair<std::string_view, std::string>> parts = {{plan_kind, print_body(plan_of(job))},
                                                                 {target_kind, print(job.target)},
                                                                 {machine_kind, print_body(job.provenance)}};
  for (const JobShape& shape : job.shapes) {
    for (const JobBucket& bucket : shape.buckets) {
      for (const Record& record : bucket.candidates) parts.emplace_back(record_kind, print_body(record));
    }
  }
  return parts;
}

// Reads the documents of a job one after another.
class JobParser {
 public:
  JobParser(std::string_view text, const std::string& file) : stretches_(split(text)), file_(file) {}

  Expected<Job> run() {
    const Expected<JobPlan> plan = next(plan_kind, read_job_plan);
    if (!plan) return plan.error();
    Expected<targets::Target> target = next(target_kind, [&](const Document& document, const std::string&) {
      return targets::parse_target(document.body, plan->target + ".yaml");
    });
    if (!target) return target.error();
    Expected<Provenance> provenance = next(machine_kind, read_provenance);
    if (!provenance) return provenance.error();
    Job job{plan->made_by, provenance.take(), target.take(), {}};
    for (const JobPlan::Shape& planned : plan->shapes) {
      Expected<JobShape> shape = read_shape(planned, job.target);
      if (!shape) return shape.error();
      job.shapes.push_back(shape.take());
    }
    if (next_ != stretches_.size()) return Error{"has more kernels than its plan names", {file_, 0, 0}};
    if (digits_of(job) != digits_) return Error{"was put together from several jobs", {file_, 0, 0}};
    return job;
  }

 private:
  // What `read` makes of the next document, if it is of this kind.
  template <class Read>
  auto next(std::string_view kind, Read read) -> decltype(read(Document(), std::string())) {
    if (next_ == stretches_.size())
      return Error{fmt::format("ends before a document of kind '{}'", kind), {file_, 0, 0}};
    const Stretch& stretch = stretches_[next_++];
    const Expected<Document> document = read_document(stretch, file_);
    if (!document) return document.error();
    if (document->kind != kind)
      return Error{fmt::format("a document of kind '{}' should be here", kind), {file_, stretch.line, 0}};
    digits_ = document->machine;
    return read(*document, file_);
  }

  Expected<JobShape> read_shape(const JobPlan::Shape& planned, const targets::Target& target) {
    JobShape shape{planned.tables_share, {}};
    for (const JobPlan::Bucket& bucket : planned.buckets) {
      shape.buckets.push_back({bucket.demand, {}});
      for (const uint64_t wanted : bucket.kernels) {
        Expected<Record> record = next(record_kind, read_record);
        if (!record) return record.error();
        const Location place{file_, stretches_[next_ - 1].line, 0};
        if (hash(record->kernel) != wanted)
          return Error{fmt::format("kernel {:016x} should be here", wanted), place};
        if (const std::vector<std::string> reasons = targets::legality_errors(record->kernel, target);
            !reasons.empty())
          return Error{fmt::format("kernel {:016x} is not legal on {}: {}", wanted, target.name, reasons[0]),
                       place};
        shape.buckets.back().candidates.push_back(record.take());
      }
    }
    return shape;
  }

  std::vector<Stretch> stretches_;
  const std::string& file_;
  size_t next_ = 0;
  std::string digits_;
};

}  // namespace

std::string print_body(const JobPlan& plan) {
  std::string text =
      fmt::format("made by: {}\ntarget: {}\nshapes:\n", scalar(plan.made_by), scalar(plan.target));
  for (const JobPlan::Shape& shape : plan.shapes) {
    text += fmt::format("  - tables share: {}\n    kernels:\n", print_decimal(shape.tables_share));
    for (const JobPlan::Bucket& bucket : shape.buckets) {
      text += fmt::format("      - {{rows: {}, calls: {}, default: {:016x}, others: [", bucket.demand.m,
                          print_decimal(bucket.demand.calls), bucket.kernels[0]);
      for (size_t i = 1; i < bucket.kernels.size(); ++i)
        text += fmt::format("{}{:016x}", i == 1 ? "" : ", ", bucket.kernels[i]);
      text += "]}\n";
    }
  }
  return text;
}

std::string digits_of(const Job& job) {
  std::string all;
  for (const auto& [kind, body] : parts_of(job)) all += body;
  return fmt::format("{:08x}", fnv1a(all) >> 32);
}

std::string print(const Job& job) {
  const std::string digits = digits_of(job);
  std::string text(preface);
  for (const auto& [kind, body] : parts_of(job)) text += print(Document{kind, digits, body, 0});
  return text;
}

Expected<Job> parse_job(std::string_view text, const std::string& file) {
  return JobParser(text, file).run();
}

}  // namespace tern::autotune
