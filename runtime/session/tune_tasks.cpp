#include "runtime/session/tune_tasks.h"

#include <fmt/format.h>

#include <algorithm>

#include "autotune/records/database_file.h"
#include "kernels/row_buckets.h"
#include "runtime/execute/product.h"
#include "runtime/model/model.h"

namespace tern::runtime {
namespace {

// The share of a value's preparations that one product bears: 1 / (products that read the value in the
// layer).
double share_of_preparations(const Product& product, const std::vector<Product>& all) {
  return 1 / static_cast<double>(std::ranges::count_if(all, [&](const Product& other) {
           return other.layer == product.layer && other.input == product.input;
         }));
}

}  // namespace

std::string shape_text(const ir::Problem& problem) {
  std::string text = fmt::format("{} x {}", problem.n, problem.k);
  if (problem.w.element != ir::Element::trit) text += fmt::format(" {}", name(problem.w.element));
  return text;
}

Expected<std::vector<autotune::TuneTask>> tasks_of_model(const std::string& file,
                                                         const std::vector<autotune::Demand>& demands) {
  TERN_ASSIGN(const Model model, load_model(file, {.check_values = false}));
  const std::vector<Product> products = products_of(model);
  std::vector<autotune::TuneTask> tasks;
  for (const Product& product : products) {
    const ir::Problem problem = problem_of(product, 1);
    const double share = share_of_preparations(product, products);
    const auto same = std::ranges::find(tasks, problem, &autotune::TuneTask::problem);
    if (same != tasks.end()) {
      same->tables_share = (same->tables_share * same->matrices + share) / (same->matrices + 1);
      same->matrices += 1;
      continue;
    }
    autotune::TuneTask task{problem, demands, 1, share};
    // Logits are computed for a few rows of a step, whatever the step has.
    if (product.is_head) {
      std::erase_if(task.demands,
                    [](const autotune::Demand& demand) { return !kernels::is_decode(demand.m); });
      if (task.demands.empty()) task.demands = {{1, 1}};
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

std::vector<autotune::TuneTask> tasks_of_shapes(const std::vector<ir::Problem>& shapes,
                                                const std::vector<autotune::Demand>& demands) {
  std::vector<autotune::TuneTask> tasks;
  for (const ir::Problem& problem : shapes) {
    if (std::ranges::find(tasks, problem, &autotune::TuneTask::problem) == tasks.end())
      tasks.push_back({problem, demands, 1, 1});
  }
  return tasks;
}

Expected<std::vector<autotune::TuneTask>> missing_tasks(std::vector<autotune::TuneTask> tasks,
                                                        const std::filesystem::path& file,
                                                        const targets::Target& target,
                                                        const autotune::Provenance& machine) {
  std::vector<std::string> warnings;  // not shown: reading the file for use will show them
  TERN_ASSIGN(autotune::Database known, autotune::load_choices(file, machine, warnings));
  std::erase_if(known.choices, [](const autotune::Choice& choice) { return choice.predicted; });
  std::erase_if(tasks, [&](const autotune::TuneTask& task) {
    return find_kernel(known, task.problem, target).has_value();
  });
  return tasks;
}

}  // namespace tern::runtime
