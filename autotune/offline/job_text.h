// Internal to autotune/: the documents of jobs and of their results that databases do not have.
#pragma once

#include <map>

#include "autotune/offline/job.h"
#include "autotune/records/documents.h"

namespace tern::autotune {

// What job.yaml begins with: who made it, and which kernels are for what.
struct JobPlan {
  struct Bucket {
    Demand demand;
    std::vector<uint64_t> kernels;  // by their hashes, the default first
  };
  struct Shape {
    double tables_share = 1;
    std::vector<Bucket> buckets;
  };
  std::string made_by, target;
  std::vector<Shape> shapes;
};
std::string print_body(const JobPlan& plan);
Expected<JobPlan> read_job_plan(const Document& document, const std::string& file);

// What results say of look-up tables, and at their end.
struct TableTime {
  uint64_t program = 0;
  double seconds = 0;
};
struct ResultsEnd {
  int64_t documents = 0;
  bool complete = false;
};
Expected<TableTime> read_table_time(const Document& document, const std::string& file);
Expected<ResultsEnd> read_results_end(const Document& document, const std::string& file);

}  // namespace tern::autotune
