#include "runtime/session/tune_tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "autotune/records/database_file.h"
#include "kernels/row_buckets.h"
#include "runtime/execute/packed_weights.h"
#include "runtime/graph/graph.h"
#include "runtime/model/model.h"

namespace tern::runtime {
namespace {

// Each matrix bears its part of building the tables of the activations that it shares with others.
std::map<const Tensor*, double> shares_of_tables(const Model& model) {
  const Graph graph = build_graph(model);
  std::map<const Tensor*, double> shares;
  // A value is written anew in each layer: readers of one value in one layer share it.
  std::map<std::pair<int, int>, std::vector<const Tensor*>> readers;
  for (const Step& step : graph.layers) {
    if (step.kind == StepKind::matmul) readers[{step.layer, step.input}].push_back(step.matrix);
  }
  for (const auto& [value, matrices] : readers) {
    for (const Tensor* matrix : matrices) shares[matrix] = 1 / static_cast<double>(matrices.size());
  }
  return shares;
}

}  // namespace

std::string shape_text(const ir::Problem& problem) {
  std::string text = fmt::format("{} x {}", problem.n, problem.k);
  if (problem.w.element != ir::Element::trit) text += fmt::format(" {}", name(problem.w.element));
  return text;
}

Expected<std::vector<autotune::TuneTask>> tasks_of_model(const std::string& file,
                                                         const std::vector<autotune::Use>& uses) {
  const Expected<Model> model = load_model(file, {.check_values = false});
  if (!model) return model.error();
  const std::map<const Tensor*, double> shares = shares_of_tables(*model);
  // Logits are computed for a few rows of a step, whatever the step has.
  std::vector<autotune::TuneTask> tasks;
  for (const Tensor* tensor : matrices(*model)) {
    const ir::Problem problem = problem_of(*tensor, 1);
    const auto share = shares.contains(tensor) ? shares.at(tensor) : 1.0;
    const auto same = std::ranges::find(tasks, problem, &autotune::TuneTask::problem);
    if (same != tasks.end()) {
      same->tables_share = (same->tables_share * same->matrices + share) / (same->matrices + 1);
      same->matrices += 1;
      continue;
    }
    autotune::TuneTask task{problem, uses, 1, share};
    if (tensor == &model->head()) {
      std::erase_if(task.uses, [](const autotune::Use& use) { return !kernels::is_decode(use.m); });
      if (task.uses.empty()) task.uses = {{1, 1}};
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

std::vector<autotune::TuneTask> tasks_of_shapes(const std::vector<ir::Problem>& shapes,
                                                const std::vector<autotune::Use>& uses) {
  std::vector<autotune::TuneTask> tasks;
  for (const ir::Problem& problem : shapes) {
    if (std::ranges::find(tasks, problem, &autotune::TuneTask::problem) == tasks.end())
      tasks.push_back({problem, uses, 1, 1});
  }
  return tasks;
}

Expected<std::vector<autotune::TuneTask>> missing_tasks(std::vector<autotune::TuneTask> tasks,
                                                        const std::filesystem::path& file,
                                                        const targets::Target& target,
                                                        const autotune::Provenance& machine) {
  std::vector<std::string> warnings;  // those of the file are said when it is read to be used
  TERN_ASSIGN(autotune::Database known, autotune::load_choices(file, machine, warnings));
  std::erase_if(known.choices, [](const autotune::Choice& choice) { return choice.predicted; });
  std::erase_if(tasks, [&](const autotune::TuneTask& task) {
    return find_kernel(known, task.problem, target).has_value();
  });
  return tasks;
}

}  // namespace tern::runtime
