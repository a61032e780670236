#include <algorithm>
#include <cstdlib>

#include "autotune/records/database.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "kernels/resize.h"
#include "targets/legal.h"

namespace tern::autotune {
namespace {

bool is_for(const Choice& choice, const ir::Problem& problem, const targets::Target& target) {
  return choice.conditions.target == target.name && same_shape(choice.kernels.front().problem, problem);
}

// All kernels of the choice must be legal, whatever m is asked for: matrices of one shape get one layout.
bool is_legal(const Choice& choice, const targets::Target& target) {
  return std::ranges::all_of(choice.kernels, [&](const ir::Kernel& kernel) {
    return ir::verify(kernel).empty() && targets::legality_errors(kernel, target).empty();
  });
}

// Whether `a` is for a number of threads nearer to the wanted, or else the later.
bool fits_better(const Choice& a, const Choice& b, int threads) {
  const auto distance = [&](const Choice& choice) {
    return threads == 0 ? 0 : std::abs(choice.conditions.threads - threads);
  };
  return distance(a) != distance(b) ? distance(a) < distance(b) : a.date > b.date;
}

const ir::Kernel& next_larger_or_largest(const Choice& choice, int64_t m) {
  const auto enough =
      std::ranges::find_if(choice.kernels, [&](const ir::Kernel& kernel) { return kernel.problem.m >= m; });
  return enough != choice.kernels.end() ? *enough : choice.kernels.back();
}

}  // namespace

std::optional<FoundKernel> find_choice_kernel(const Database& database, const ir::Problem& problem,
                                              const targets::Target& target, int threads) {
  const Choice* best = nullptr;
  for (const Choice& choice : database.choices) {
    if (is_for(choice, problem, target) && (!best || fits_better(choice, *best, threads)) &&
        is_legal(choice, target))
      best = &choice;
  }
  if (!best) return std::nullopt;
  const ir::Kernel& measured = next_larger_or_largest(*best, problem.m);
  FoundKernel found{kernels::resized(measured, problem.m), measured.problem.m};
  found.kernel.problem = problem;
  found.kernel.epilogue = ir::Epilogue::plain;
  found.kernel.quantizes_rows = false;
  return found;
}

std::optional<ir::Kernel> find_kernel(const Database& database, const ir::Problem& problem,
                                      const targets::Target& target, int threads) {
  std::optional<FoundKernel> found = find_choice_kernel(database, problem, target, threads);
  if (!found) return std::nullopt;
  return std::move(found->kernel);
}

}  // namespace tern::autotune
