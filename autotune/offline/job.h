// A job: tuning for a CPU that is not at hand, by a program that runs on it. The candidates are compiled
// ahead of time as a bundle; a runner without LLVM checks and times them there; its results become records
// here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "autotune/offline/predict.h"
#include "autotune/search/tune.h"
#include "codegen/bundle/bundle.h"

namespace tern::autotune {

// The candidates for one number of rows.
struct JobBucket {
  Demand demand;
  std::vector<Record> candidates;  // the default kernel first, then by prediction; none has timings
};

// Of one shape of matrix. Every layout of a candidate is in each of its buckets.
struct JobShape {
  double tables_share = 1;  // as TuneTask has it
  std::vector<JobBucket> buckets;
};

struct Job {
  std::string made_by;    // "tern 0.1.0"
  Provenance provenance;  // of the target: which LLVM and which generator made the code
  targets::Target target;
  std::vector<JobShape> shapes;
};

// At most `count` candidates for each number of rows: the default kernel, the best kernel of each of the best
// layouts (the default's among them), and what else is predicted to be fast with these.
// Precondition: 2 <= count.
JobShape choose_candidates(const TuneTask& task, const PredictedShape& shape, const targets::Target& target,
                           size_t count);

// The folder of a job holds these files, and the runner's source.
inline constexpr const char *job_file = "job.yaml", *results_file = "results.yaml",
                            *bundle_name = "candidates";

// A job as the text of job.yaml, which reads back to the same text: a stream of documents, as databases are.
// Fails if the text was changed or is not whole, and if a kernel is refused by ir::verify or not legal on the
// target.
std::string print(const Job& job);
Expected<Job> parse_job(std::string_view text, const std::string& file);

// Eight digits that stand for a job: all that is written carries them.
std::string digits_of(const Job& job);

// The kernels as a bundle, named by their hashes.
codegen::Bundle bundle_of(const Job& job);

// The C++ header that tells the runner what is in the bundle: tools/job_runner/types.h says in what form.
std::string runner_table(const Job& job);

// What came back from the device.
struct JobResults {
  Provenance device;
  std::vector<Record> records;               // each of the job's candidates at most once, by ascending place
  std::map<uint64_t, double> table_seconds;  // of building the look-up tables of all rows, by their program
  bool complete = false;                     // every candidate is there
};

// Reads results.yaml. Fails if anything in it was changed, if its end is missing, or if it is of another job.
Expected<JobResults> parse_results(std::string_view text, const std::string& file, const Job& job);

// One shape, as the device decided it.
struct JobOutcome {
  size_t shape = 0;                     // of the job
  std::vector<double> default_seconds;  // by bucket
  Choice choice;                        // the best layout, and its best kernels; ties go to the default ones
};
struct JobFindings {
  Database database;  // of the device
  // The same under the name of the target; empty if the device lacks a feature of it.
  Database target_database;
  std::vector<std::string> missing;  // features of the target that the device lacks
  std::vector<JobOutcome> outcomes;  // of shapes whose default kernels were measured for all numbers of rows
};
JobFindings findings_of(const Job& job, const JobResults& results);

}  // namespace tern::autotune
