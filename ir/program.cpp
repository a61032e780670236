#include "ir/program.h"

#include <algorithm>

namespace tern::ir {
namespace {

void collect_parallel(const Body& body, std::vector<const Loop*>& found) {
  for (const Statement& statement : body) {
    const Loop* loop = std::get_if<Loop>(&statement);
    if (!loop) continue;
    if (loop->kind == LoopKind::parallel) found.push_back(loop);
    collect_parallel(loop->body, found);
  }
}

}  // namespace

bool Loop::operator==(const Loop& other) const {
  return kind == other.kind && variable == other.variable && trips == other.trips && body == other.body;
}

bool Program::operator==(const Program& other) const {
  return name == other.name && buffers == other.buffers && registers == other.registers &&
         variables == other.variables && body == other.body;
}

void Affine::add(int variable, int64_t factor) {
  auto place = std::lower_bound(terms.begin(), terms.end(), variable,
                                [](const Term& term, int wanted) { return term.variable < wanted; });
  if (place == terms.end() || place->variable != variable) place = terms.insert(place, {variable, 0});
  place->factor += factor;
  if (place->factor == 0) terms.erase(place);
}

void Affine::substitute(int variable, int64_t value) {
  for (auto term = terms.begin(); term != terms.end(); ++term) {
    if (term->variable != variable) continue;
    constant += term->factor * value;
    terms.erase(term);
    return;
  }
}

std::vector<const Loop*> parallel_loops(const Program& program) {
  std::vector<const Loop*> found;
  collect_parallel(program.body, found);
  return found;
}

}  // namespace tern::ir
