#include <fmt/format.h>

#include "runtime/jinja/evaluate/evaluate.h"
#include "runtime/jinja/evaluate/evaluator.h"
#include "runtime/jinja/library/filters.h"
#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {

Evaluator::Evaluator(std::string_view source, const Dict& variables, const std::tm& now, Budget& budget)
    : source_(source), budget_(budget), context_{budget, now} {
  for (const auto& [name, value] : variables.items()) root_.variables.emplace(name.text(), value);
}

Expected<Flow> Evaluator::run(const Block& block) {
  for (const Statement& statement : block) {
    TERN_ASSIGN(const Flow flow, visit_statement(statement));
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Expected<Flow> Evaluator::visit_statement(const Statement& statement) {
  if (!budget_.step() || !budget_.enter()) return placed(budget_.error(), statement.begin);
  const Expected<Flow> flow = std::visit([this](const auto& node) { return visit(node); }, statement.node);
  budget_.leave();
  if (!flow) return placed(flow.error(), statement.begin);
  if (budget_.spent()) return placed(budget_.error(), statement.begin);
  return flow;
}

Status Evaluator::print(std::string_view text) {
  if (!budget_.output(text.size())) return budget_.error();
  output_ += text;
  return {};
}

Expected<Flow> Evaluator::visit(const Text& node) {
  TERN_TRY(print(node.text));
  return Flow::next;
}

Expected<Flow> Evaluator::visit(const Print& node) {
  TERN_ASSIGN(const Value value, value_of(node.value));
  TERN_TRY(print(to_text(value, budget_)));
  return Flow::next;
}

Expected<Flow> Evaluator::visit(const If& node) {
  for (const auto& [condition, body] : node.branches) {
    TERN_ASSIGN(const Value value, value_of(condition));
    if (value.truth()) return run(body);
  }
  return run(node.otherwise);
}

Status Evaluator::unpack(const std::vector<std::string>& names, const Value& value, Scope& scope) {
  if (names.size() == 1) {
    scope.variables[names[0]] = value;
    return {};
  }
  TERN_ASSIGN(const auto parts, items_of(value, budget_));
  if (parts->items.size() != names.size())
    return fail(fmt::format("{} values cannot be given to {} names", parts->items.size(), names.size()));
  for (size_t i = 0; i < names.size(); ++i) scope.variables[names[i]] = parts->items[i];
  return {};
}

// Each turn begins with fresh variables, as in Jinja2: what a turn sets, the next one does not see.
Expected<Flow> Evaluator::visit(const For& node) {
  TERN_ASSIGN(const Value subject, value_of(node.list));
  TERN_ASSIGN(std::shared_ptr<const List> list, items_of(subject, budget_));
  Scope* const outer = scope_;
  const auto leave = [&](auto result) {
    scope_ = outer;
    return result;
  };
  if (node.condition) {
    List kept;
    for (const Value& item : list->items) {
      if (!budget_.make(sizeof(Value))) return leave(budget_.error());
      Scope scope;
      scope.parent = outer;
      TERN_TRY(unpack(node.targets, item, scope));
      scope_ = &scope;
      const Result holds = value_of(node.condition);
      scope_ = outer;
      TERN_TRY(holds);
      if (holds->truth()) kept.items.push_back(item);
    }
    list = std::make_shared<const List>(std::move(kept));
  }
  if (list->items.empty()) return run(node.otherwise);
  for (size_t i = 0; i < list->items.size(); ++i) {
    if (!budget_.step()) return leave(budget_.error());
    Scope scope;
    scope.parent = outer;
    scope.loops = outer->loops + 1;
    TERN_TRY(unpack(node.targets, list->items[i], scope));
    scope.variables["loop"] = Value::loop({list, i, outer->loops});
    scope_ = &scope;
    const Expected<Flow> flow = run(node.body);
    scope_ = outer;
    TERN_TRY(flow);
    if (*flow == Flow::break_loop) break;
  }
  return Flow::next;
}

// The output of a block that is not printed.
Expected<std::string> Evaluator::captured(const Block& block, Scope& scope) {
  Scope* const outer = std::exchange(scope_, &scope);
  std::string printed = std::exchange(output_, {});
  const Expected<Flow> flow = run(block);
  std::string text = std::exchange(output_, std::move(printed));
  scope_ = outer;
  TERN_TRY(flow);
  return text;
}

Result Evaluator::filtered(Value value, const std::vector<FilterStep>& filters) {
  for (const FilterStep& filter : filters) {
    TERN_ASSIGN(const auto arguments, values_of(filter.arguments));
    TERN_ASSIGN(value, filter.entry->apply(value, arguments, context_));
  }
  return value;
}

Status Evaluator::assign(const Target& target, Value value) {
  if (target.attribute.empty()) {
    scope_->variables[target.name] = std::move(value);
    return {};
  }
  const Value object = look_up(target.name);
  if (!object.is(Kind::name_space))
    return fail(fmt::format("'{}' is no namespace, so none of its attributes can be set", target.name));
  if (!value.fits_inside())
    return fail(fmt::format("a namespace cannot hold {}, or not at this depth", name_of(value.kind())));
  if (!budget_.make(target.attribute.size() + 2 * sizeof(Value))) return budget_.error();
  object.as_namespace().attributes.set(target.attribute, std::move(value));
  return {};
}

Expected<Flow> Evaluator::visit(const Set& node) {
  Value value;
  if (node.value) {
    TERN_ASSIGN(value, value_of(node.value));
  } else {
    Scope scope;
    scope.parent = scope_;
    scope.loops = scope_->loops;
    TERN_ASSIGN(std::string text, captured(node.body, scope));
    TERN_ASSIGN(value, filtered(Value::string(std::move(text)), node.filters));
  }
  if (node.targets.size() == 1) {
    TERN_TRY(assign(node.targets[0], std::move(value)));
    return Flow::next;
  }
  TERN_ASSIGN(const auto parts, items_of(value, budget_));
  if (parts->items.size() != node.targets.size())
    return fail(
        fmt::format("{} values cannot be given to {} names", parts->items.size(), node.targets.size()));
  for (size_t i = 0; i < node.targets.size(); ++i) TERN_TRY(assign(node.targets[i], parts->items[i]));
  return Flow::next;
}

Expected<Flow> Evaluator::visit(const std::shared_ptr<Macro>& node) {
  scope_->variables[node->name] = Value::callable({node.get(), nullptr});
  return Flow::next;
}

Expected<Flow> Evaluator::visit(const CallBlock& node) {
  next_caller_ = {node.caller.get(), scope_};
  TERN_ASSIGN(const Value text, value_of(node.call));
  TERN_TRY(print(to_text(text, budget_)));
  return Flow::next;
}

Expected<Flow> Evaluator::visit(const FilterBlock& node) {
  Scope scope;
  scope.parent = scope_;
  scope.loops = scope_->loops;
  TERN_ASSIGN(std::string text, captured(node.body, scope));
  TERN_ASSIGN(const Value value, filtered(Value::string(std::move(text)), node.filters));
  TERN_TRY(print(to_text(value, budget_)));
  return Flow::next;
}

// The values are those of the scope around the block: they do not see each other.
Expected<Flow> Evaluator::visit(const With& node) {
  Scope scope;
  scope.parent = scope_;
  scope.loops = scope_->loops;
  for (const auto& [name, expression] : node.variables) {
    TERN_ASSIGN(scope.variables[name], value_of(expression));
  }
  Scope* const outer = std::exchange(scope_, &scope);
  const Expected<Flow> flow = run(node.body);
  scope_ = outer;
  return flow;
}

Expected<Flow> Evaluator::visit(const Generation& node) {
  Scope scope;
  scope.parent = scope_;
  scope.loops = scope_->loops;
  Scope* const outer = std::exchange(scope_, &scope);
  const Expected<Flow> flow = run(node.body);
  scope_ = outer;
  TERN_TRY(flow);
  return Flow::next;
}

Expected<std::string> evaluate(const Block& block, std::string_view source, const Dict& variables,
                               const std::tm& now, Budget& budget) {
  Evaluator evaluator(source, variables, now, budget);
  TERN_TRY(evaluator.run(block));
  return std::move(evaluator.output());
}

}  // namespace tern::runtime::jinja
