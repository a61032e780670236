#include "ir/program/program.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <set>

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

bool is_unrolled(const Body& body) {
  return std::all_of(body.begin(), body.end(), [](const Statement& statement) {
    if (const Loop* loop = std::get_if<Loop>(&statement))
      return loop->kind != LoopKind::unroll && is_unrolled(loop->body);
    const Instruction& instruction = std::get<Instruction>(statement);
    return instruction.result.index.terms.empty() &&
           std::all_of(instruction.operands.begin(), instruction.operands.end(),
                       [](const RegisterUse& use) { return use.index.terms.empty(); });
  });
}

using Renaming = std::map<int, int>;  // old variable -> new one, for the loops in scope

void rename(Affine& affine, const Renaming& renaming) {
  Affine renamed{affine.constant, {}};
  for (const Affine::Term& term : affine.terms) renamed.add(renaming.at(term.variable), term.factor);
  affine = renamed;
}

void renumber(Body& body, Renaming& renaming, const std::vector<std::string>& old_names,
              std::vector<std::string>& names, std::set<std::string>& taken) {
  for (Statement& statement : body) {
    if (Instruction* instruction = std::get_if<Instruction>(&statement)) {
      rename(instruction->address, renaming);
      rename(instruction->result.index, renaming);
      for (RegisterUse& operand : instruction->operands) rename(operand.index, renaming);
      continue;
    }
    Loop& loop = std::get<Loop>(statement);
    const int old_variable = loop.variable;
    // A copy made by unrolling keeps the stem of its name and gets a number of its own.
    const std::string stem = old_names[old_variable].substr(0, old_names[old_variable].find('_'));
    std::string name = stem;
    for (int copy = 1; !taken.insert(name).second; ++copy) name = stem + "_" + std::to_string(copy);
    loop.variable = static_cast<int>(names.size());
    names.push_back(name);
    renaming[old_variable] = loop.variable;
    renumber(loop.body, renaming, old_names, names, taken);
    renaming.erase(old_variable);
  }
}

}  // namespace

void renumber_variables(Program& program) {
  std::vector<std::string> names;
  Renaming renaming;
  std::set<std::string> taken;
  renumber(program.body, renaming, program.variables, names, taken);
  program.variables = std::move(names);
}

bool Loop::operator==(const Loop& other) const {
  return kind == other.kind && variable == other.variable && trips == other.trips && body == other.body;
}

bool Program::operator==(const Program& other) const {
  return name == other.name && buffers == other.buffers && tables == other.tables &&
         registers == other.registers && variables == other.variables && body == other.body;
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

bool is_unrolled(const Program& program) {
  return is_unrolled(program.body);
}

std::span<const Buffer> parameters(const Program& program) {
  const auto is_passed = [](const Buffer& buffer) { return buffer.kind != BufferKind::scratch; };
  const auto count = std::count_if(program.buffers.begin(), program.buffers.end(), is_passed);
  return std::span(program.buffers).first(static_cast<size_t>(count));
}

const Buffer* find_parameter(const Program& program, BufferRole role) {
  const std::span<const Buffer> all = parameters(program);
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Buffer& one) { return one.role == role; });
  return found == all.end() ? nullptr : &*found;
}

size_t parameter_index(const Program& program, BufferRole role) {
  const Buffer* found = find_parameter(program, role);
  assert(found && "the program has no such parameter");
  return static_cast<size_t>(found - program.buffers.data());
}

std::vector<const Loop*> parallel_loops(const Program& program) {
  std::vector<const Loop*> found;
  collect_parallel(program.body, found);
  return found;
}

}  // namespace tern::ir
