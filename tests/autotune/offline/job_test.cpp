// What the runner of a job knows of layouts and packings is what Tern knows: kernels of every recipe, packed
// and checked by the runner on this machine, are right.
#include "autotune/offline/job.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "kernels/space.h"
#include "targets/host.h"

namespace tern::autotune {
namespace {

namespace fs = std::filesystem;

// All recipes for a problem that are legal here.
JobShape every_recipe(const ir::Problem& problem, const targets::Target& target) {
  JobBucket bucket{{problem.m, 1}, {}};
  for (const kernels::Candidate& candidate : kernels::default_space(problem, target).candidates) {
    Record& record = bucket.candidates.emplace_back();
    record.conditions = {target.name, 1};
    record.kernel = candidate.kernel;
    record.recipe = print(candidate);
  }
  return {1, {bucket}};
}

Job job_of_all_recipes() {
  using ir::Element, ir::Scaling;
  targets::Target host = targets::host_target().take();
  host.name = "here";
  Job job{"a test", provenance_of(host), host, {}};
  const ir::Problem problems[] = {ir::matmul(1, 70, 200, {Element::trit, Scaling::tensor}),
                                  ir::matmul(7, 70, 200, {Element::trit, Scaling::row}),
                                  ir::matmul(2, 70, 200, {Element::sign, Scaling::tensor}),
                                  ir::matmul(2, 70, 200, {Element::i2, Scaling::group, 128, Element::f16}),
                                  ir::matmul(1, 70, 200, {Element::trit, Scaling::group, 64}),
                                  ir::matmul(3, 33, 96, {Element::i8, Scaling::group, 32}),
                                  ir::matmul(2, 33, 96, {Element::i4, Scaling::group, 32}),
                                  ir::matmul(2, 20, 40, {Element::f16, Scaling::none}),
                                  ir::matmul(2, 20, 40, {Element::bf16, Scaling::none}),
                                  ir::matmul(2, 20, 40, {Element::f32, Scaling::none})};
  for (const ir::Problem& problem : problems) job.shapes.push_back(every_recipe(problem, host));
  ir::Problem groups = ir::matmul(2, 70, 200, {Element::i2, Scaling::group, 128});
  groups.a = {Element::i8, Scaling::group, 32};
  job.shapes.push_back(every_recipe(groups, host));
  return job;
}

std::string read(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Job, TheRunnerPacksAndChecksEveryRecipe) {
  const Job job = job_of_all_recipes();
  const fs::path folder = fs::path(::testing::TempDir()) / ("tern_job_" + std::to_string(getpid()));
  fs::remove_all(folder);
  fs::create_directories(folder);
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(folder / name, std::ios::binary) << text;
  };
  const codegen::Bundle bundle = bundle_of(job);
  const Expected<std::vector<codegen::ObjectFile>> objects = codegen::compile_bundle(bundle);
  ASSERT_TRUE(objects) << objects.error().text();
  const Expected<std::string> archive = codegen::make_archive(*objects);
  ASSERT_TRUE(archive) << archive.error().text();
  write("libcandidates.a", *archive);
  write("candidates.h", codegen::bundle_header(bundle));
  write("job_table.h", runner_table(job));
  fs::copy(TERN_SOURCE_DIR "/tools/job_runner", folder);
  for (const char* shared : {"base/statistics.h", "autotune/measure/race.h"}) {
    fs::create_directories((folder / shared).parent_path());
    fs::copy(fs::path(TERN_SOURCE_DIR) / shared, folder / shared);
  }
  const std::string command =
      "cd '" + folder.string() +
      "' && '" BUNDLE_CC
      "' -x c++ -std=c++17 -O1 -Wall -Wextra -pthread -I. runner.cpp -x none libcandidates.a -lstdc++ -lm -o "
      "runner " +
      "&& ./runner --budget 1 --memory 1 >stdout 2>&1; ./runner --budget 600 --memory 1 >>stdout 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0) << read(folder / "stdout");
  const Expected<JobResults> results = parse_results(read(folder / "results.yaml"), "results.yaml", job);
  ASSERT_TRUE(results) << results.error().text();
  EXPECT_TRUE(results->complete);
  for (const Record& record : results->records) EXPECT_EQ(record.refused, "") << record.recipe;
  EXPECT_FALSE(results->table_seconds.empty());
  fs::remove_all(folder);
}

TEST(Job, TextsAreReadBack) {
  const Job job = job_of_all_recipes();
  const Expected<Job> parsed = parse_job(print(job), "job.yaml");
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(print(*parsed), print(job));
  EXPECT_EQ(digits_of(*parsed), digits_of(job));
}

}  // namespace
}  // namespace tern::autotune
