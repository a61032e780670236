#include "tools/tune/tune_job.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "autotune/offline/job.h"
#include "autotune/records/database_file.h"
#include "base/system_error.h"
#include "job_runner_sources.h"
#include "runtime/session/machine_threads.h"
#include "runtime/session/tune_tasks.h"
#include "tools/options/exit_code.h"
#include "tools/options/model_options.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"
#include "tools/tune/tune_setup.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* compile_options = "-std=c++17 -O2 -pthread";

constexpr std::string_view readme = R"(# Tuning on a device

Kernels for {target}, to be checked and timed on a machine that is one. Copy this folder there and run{compile}

    ./runner --budget 60

It needs no other files; `--threads N` for more than one thread, Ctrl-C to end early: the same command goes on.
Copy `results.yaml` back to this folder, and where Tern is:

    tern tune --import-results {folder}

`job.yaml` says what the kernels are. Change neither file: both have checksums.
)";

// The whole folder of a job, as names and contents.
struct JobFolder {
  std::vector<codegen::ObjectFile> files;
  Status add(const autotune::Job& job) {
    const codegen::Bundle bundle = autotune::bundle_of(job);
    Expected<std::vector<codegen::ObjectFile>> objects = codegen::compile_bundle(bundle);
    if (!objects) return objects.error();
    Expected<std::string> archive = codegen::make_archive(*objects);
    if (!archive) return archive.error();
    files.push_back({"libcandidates.a", archive.take()});
    files.push_back({"candidates.h", codegen::bundle_header(bundle)});
    files.push_back({"job_table.h", autotune::runner_table(job)});
    for (const auto& [name, text] : job_runner_sources) files.push_back({name, text});
    files.push_back({autotune::job_file, print(job)});
    return {};
  }
};

// The command of a C++ compiler for an architecture, if it is installed.
std::string find_compiler(targets::Architecture architecture) {
  std::vector<std::string> names = {fmt::format("{}-linux-gnu-g++", name(architecture))};
  if (architecture == targets::host_architecture()) names.insert(names.end(), {"c++", "g++"});
  const char* path = std::getenv("PATH");
  for (const std::string& command : names) {
    std::istringstream folders(path ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');) {
      const fs::path file = fs::path(folder) / command;
      if (access(file.c_str(), X_OK) == 0) return file.string();
    }
  }
  return {};
}

// Runs a command and waits for it; false if it fails, in which case it has said why.
bool run_command(std::vector<std::string> words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t child = 0;
  if (posix_spawn(&child, pointers[0], nullptr, nullptr, pointers.data(), environ) != 0) return false;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// The runner as one static program, so that the device needs no libraries. True if it is there.
bool link_runner(const fs::path& folder, const std::string& compiler) {
  if (compiler.empty()) return false;
  std::vector<std::string> words = {compiler};
  std::istringstream options(compile_options);
  for (std::string option; options >> option;) words.push_back(option);
  const auto file = [&](const char* name) { return (folder / name).string(); };
  words.insert(words.end(), {"-static", "-I" + folder.string(), file("runner.cpp"), file("libcandidates.a"),
                             "-o", file("runner")});
  return run_command(std::move(words));
}

Expected<std::string> read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in && in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (!in.is_open() || !text) return Error{"cannot be read", {file.string(), 0, 0}};
  return std::move(text).str();
}

Expected<autotune::Job> make_job(const std::vector<autotune::TuneTask>& tasks, const targets::Target& target,
                                 size_t candidates) {
  TERN_ASSIGN(const std::unique_ptr<ThreadPool> pool,
              runtime::make_bound_threads(runtime::default_threads()));
  Expected<autotune::CostModel> model = autotune::CostModel::make(
      target, autotune::described_machine(target, 1), static_cast<int>(pool->threads()));
  if (!model) return model.error();
  autotune::Job job{TERN_VERSION, autotune::provenance_of(target), target, {}};
  for (const autotune::TuneTask& task : tasks) {
    if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r\x1b[K{} ...", runtime::shape_text(task.problem));
    const autotune::PredictedShape shape = autotune::predict_shape(task.problem, task.demands, target, *model,
                                                                   *pool, [] { return interrupted(); });
    job.shapes.push_back(choose_candidates(task, shape, target, candidates));
  }
  if (isatty(STDERR_FILENO)) fmt::print(stderr, "\r\x1b[K");
  return job;
}

std::string row_text(const autotune::Job& job, const autotune::JobOutcome& outcome, size_t b) {
  const autotune::JobBucket& bucket = job.shapes[outcome.shape].buckets[b];
  const ir::Kernel& kernel = outcome.choice.kernels[b];
  const auto chosen = std::ranges::find_if(
      bucket.candidates, [&](const autotune::Record& record) { return hash(record.kernel) == hash(kernel); });
  return fmt::format("| {:<18} | {:>4} | {:>9.1f} us | {:>9.1f} us | {:>7.2f}x | {}\n",
                     b == 0 ? runtime::shape_text(kernel.problem) : "", bucket.demand.m,
                     outcome.default_seconds[b] * 1e6, outcome.choice.seconds[b] * 1e6,
                     1 / outcome.choice.ratios[b], chosen->recipe);
}

std::string report_text(const autotune::Job& job, const autotune::JobResults& results,
                        const autotune::JobFindings& findings) {
  size_t measured = 0, refused = 0;
  std::string text = fmt::format("measured on {} with code for {}\n\n", results.device.cpu, job.target.name);
  text += "| shape              | rows |      default |         best | speed-up | kernel\n";
  text += "| ------------------ | ---: | -----------: | -----------: | -------: | ------\n";
  for (const autotune::JobOutcome& outcome : findings.outcomes) {
    for (size_t b = 0; b < outcome.default_seconds.size(); ++b) text += row_text(job, outcome, b);
  }
  for (const autotune::Record& record : results.records) {
    measured += !record.timings.empty();
    refused += !record.refused.empty();
    if (!record.refused.empty()) text += fmt::format("refused: {}: {}\n", record.recipe, record.refused);
  }
  text += fmt::format("\n{} kernels measured, {} refused{}\n", measured, refused,
                      results.complete ? "" : "; the runner has not come to its end");
  if (!findings.missing.empty())
    text +=
        fmt::format("the device is no {}: it lacks {}\n", job.target.name, fmt::join(findings.missing, ", "));
  if (const size_t left = job.shapes.size() - findings.outcomes.size(); left > 0)
    text += fmt::format(
        "{} of {} shapes have no measured default kernel for some number of rows, so nothing "
        "was chosen for them\n",
        left, job.shapes.size());
  return text;
}

}  // namespace

Expected<int> export_job(const std::vector<autotune::TuneTask>& tasks, const std::string& target_name,
                         const std::string& folder_name, size_t candidates) {
  const Expected<targets::Target> target = targets::find_target(target_name);
  if (!target) return target.error();
  if (target->architecture == targets::Architecture::any)
    return Error{fmt::format("{} is no CPU in particular: name the one of the device", target->name), {}};
  if (target->name == "host")
    return Error{"for this machine there is 'tern tune': name the --target of the device", {}};
  catch_interrupts();
  const Expected<autotune::Job> job = make_job(tasks, *target, candidates);
  if (!job) return job.error();
  if (interrupted()) return exit_interrupted;
  JobFolder content;
  if (const Status made = content.add(*job); !made) return made.error();
  const fs::path folder = folder_name;
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) return Error{problem.message(), {folder_name, 0, 0}, kind_of_errno(problem.value())};
  const auto write = [&](const std::string& name, std::string_view text) {
    return write_output((folder / name).string(), text);
  };
  for (const codegen::ObjectFile& file : content.files) {
    fs::create_directories((folder / file.name).parent_path(), problem);
    if (const int code = write(file.name, file.content); code != exit_ok) return code;
  }
  const std::string compiler = find_compiler(target->architecture);
  const bool linked = link_runner(folder, compiler);
  const std::string compile =
      linked ? ":" : fmt::format(":\n\n    g++ {} -I. runner.cpp libcandidates.a -o runner", compile_options);
  if (const int code = write("README.md", fmt::format(fmt::runtime(readme), fmt::arg("target", target->name),
                                                      fmt::arg("compile", compile),
                                                      fmt::arg("folder", folder.filename().string())));
      code != exit_ok)
    return code;
  const size_t kernels = autotune::bundle_of(*job).targets[0].kernels.size();
  fmt::print(
      "{}: {} kernels for {}; {}, then follow README.md\n", folder_name, kernels, target->name,
      linked ? "copy it to the device" : "no compiler for its architecture is here: the device needs one");
  return exit_ok;
}

Expected<int> import_results(const std::string& folder_name, const std::string& database) {
  const fs::path job_path = fs::path(folder_name) / autotune::job_file,
                 results_path = fs::path(folder_name) / autotune::results_file;
  const Expected<std::string> job_text = read_file(job_path), results_text = read_file(results_path);
  if (!job_text) return job_text.error();
  if (!results_text) return results_text.error();
  const Expected<autotune::Job> job = autotune::parse_job(*job_text, job_path.string());
  if (!job) return job.error();
  const Expected<autotune::JobResults> results =
      autotune::parse_results(*results_text, results_path.string(), *job);
  if (!results) return results.error();
  const autotune::JobFindings findings = findings_of(*job, *results);
  std::vector<std::string> files;
  const auto keep = [&](const autotune::Database& found, const fs::path& file) {
    files.push_back(file.string());
    return autotune::update_database(file, found.provenance,
                                     [&](autotune::Database& known) { merge(known, found); });
  };
  const auto file_of = [&](const autotune::Database& found) {
    return database.empty() ? autotune::database_file(found.provenance) : fs::path(database);
  };
  Status kept = keep(findings.database, file_of(findings.database));
  if (kept && database.empty() && findings.missing.empty())
    kept = keep(findings.target_database, file_of(findings.target_database));
  if (!kept) return kept.error();
  std::string text = report_text(*job, *results, findings);
  text += fmt::format("\nrecords of the device:  {}\n", files[0]);
  if (files.size() > 1) text += fmt::format("records of {}: {}\n", job->target.name, files[1]);
  return write_output("", text);
}

}  // namespace tern::tools
