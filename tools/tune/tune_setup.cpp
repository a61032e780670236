#include "tools/tune/tune_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "runtime/execute/packed_weights.h"
#include "runtime/graph/graph.h"
#include "runtime/model/model.h"
#include "targets/host.h"

namespace tern::tools {
namespace {

// Reads a number and moves past it; false if there is none.
template <class T>
bool take_number(std::string_view& text, T& value) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}
bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

constexpr int64_t most_rows = 4096;

// Each matrix bears its part of building the tables of the activations that it shares with others.
std::map<const runtime::Tensor*, double> shares_of_tables(const runtime::Model& model) {
  const runtime::Graph graph = build_graph(model);
  std::map<const runtime::Tensor*, double> shares;
  // A value is written anew in each layer: readers of one value in one layer share it.
  std::map<std::pair<int, int>, std::vector<const runtime::Tensor*>> readers;
  for (const runtime::Step& step : graph.layers) {
    if (step.kind == runtime::StepKind::matmul) readers[{step.layer, step.input}].push_back(step.matrix);
  }
  for (const auto& [value, matrices] : readers) {
    for (const runtime::Tensor* matrix : matrices) shares[matrix] = 1 / static_cast<double>(matrices.size());
  }
  return shares;
}

}  // namespace

Expected<std::vector<autotune::Use>> parse_uses(const std::string& text) {
  std::vector<autotune::Use> uses;
  std::string_view rest = text;
  do {
    autotune::Use use;
    if (!take_number(rest, use.m) || !take(rest, ':') || !take_number(rest, use.calls) || use.m < 1 ||
        use.m > most_rows || !(use.calls > 0) || !(use.calls < 1e9))
      return Error{fmt::format("--use: '{}' is no list of rows and calls such as {}", text, usual_uses), {}};
    if (!uses.empty() && use.m <= uses.back().m)
      return Error{fmt::format("--use: '{}' must have ascending numbers of rows", text), {}};
    uses.push_back(use);
  } while (take(rest, ','));
  if (!rest.empty())
    return Error{fmt::format("--use: '{}' is no list of rows and calls such as {}", text, usual_uses), {}};
  return uses;
}

Expected<ir::Problem> parse_shape(const std::string& text) {
  std::string_view rest = text;
  ir::Problem problem{1, 0, 0, ir::Element::trit, ir::Scaling::tensor, 0};
  constexpr int64_t largest = int64_t{1} << 20;
  if (!take_number(rest, problem.n) || !take(rest, 'x') || !take_number(rest, problem.k) || !rest.empty() ||
      problem.n < 1 || problem.k < 1 || problem.n > largest || problem.k > largest)
    return Error{fmt::format("'{}' is no shape: outputs x inputs, such as 2560x6912", text), {}};
  return problem;
}

std::string shape_text(const ir::Problem& problem) {
  std::string text = fmt::format("{} x {}", problem.n, problem.k);
  if (problem.weight != ir::Element::trit) text += fmt::format(" {}", name(problem.weight));
  return text;
}

Expected<std::vector<autotune::TuneTask>> tasks_of_model(const std::string& file,
                                                         const std::vector<autotune::Use>& uses) {
  const Expected<runtime::Model> model = runtime::load_model(file, {.check_values = false});
  if (!model) return model.error();
  const std::map<const runtime::Tensor*, double> shares = shares_of_tables(*model);
  // Logits are computed for a few rows of a step, whatever the step has.
  constexpr int64_t most_rows_of_head = 16;
  std::vector<autotune::TuneTask> tasks;
  for (const runtime::Tensor* tensor : matrices(*model)) {
    const ir::Problem problem = runtime::problem_of(*tensor, 1);
    const auto share = shares.contains(tensor) ? shares.at(tensor) : 1.0;
    const auto same = std::ranges::find(tasks, problem, &autotune::TuneTask::problem);
    if (same != tasks.end()) {
      same->tables_share = (same->tables_share * same->matrices + share) / (same->matrices + 1);
      same->matrices += 1;
      continue;
    }
    autotune::TuneTask task{problem, uses, 1, share};
    if (tensor == &model->head()) {
      std::erase_if(task.uses, [](const autotune::Use& use) { return use.m > most_rows_of_head; });
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

Expected<std::unique_ptr<ThreadPool>> threads_to_measure_on(size_t threads) {
  const Expected<targets::Host>& host = targets::detect_host();
  if (!host) return host.error();
  std::vector<int> processors = host->processors;
  if (processors.size() < threads) processors.clear();
  return ThreadPool::make(threads, processors);
}

}  // namespace tern::tools
