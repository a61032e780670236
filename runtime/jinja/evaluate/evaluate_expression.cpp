#include <fmt/format.h>

#include <algorithm>

#include "runtime/jinja/evaluate/evaluator.h"
#include "runtime/jinja/library/filters.h"
#include "runtime/jinja/library/functions.h"
#include "runtime/jinja/library/methods.h"
#include "runtime/jinja/library/tests.h"
#include "runtime/jinja/parse/lexer.h"
#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {

Error Evaluator::placed(Error error, size_t offset) const {
  if (error.where.line == 0) error.where = location_of(source_, offset);
  return error;
}

Result Evaluator::value_of(const Expression& expression) {
  if (!budget_.step() || !budget_.enter()) return placed(budget_.error(), expression.begin);
  Result value = std::visit([this](const auto& node) { return visit(node); }, expression.node);
  budget_.leave();
  if (!value) return placed(value.error(), expression.begin);
  if (budget_.spent()) return placed(budget_.error(), expression.begin);
  return value;
}

Expected<std::vector<std::optional<Value>>> Evaluator::values_of(const BoundArguments& arguments) {
  std::vector<std::optional<Value>> values(arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i]) continue;
    TERN_ASSIGN(values[i], value_of(arguments[i]));
  }
  return values;
}

Value Evaluator::look_up(const std::string& name) const {
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    const auto found = scope->variables.find(name);
    if (found != scope->variables.end()) return found->second;
  }
  if (name == "caller" && caller_.macro != nullptr) return Value::callable({caller_.macro, nullptr});
  if (const FunctionEntry* function = find_function(name)) return Value::callable({nullptr, function});
  if (name == "namespace" || name == "dict") return Value::callable({});
  return {};
}

Error Evaluator::undefined_error(const Expression& object, std::string_view what) const {
  std::string text(source_.substr(object.begin, std::min(object.end - object.begin, size_t{60})));
  return placed(fail(fmt::format("'{}' is undefined, so {}", text, what)), object.begin);
}

Result Evaluator::visit(const Literal& node) {
  return node.value;
}

Result Evaluator::visit(const Name& node) {
  return look_up(node.name);
}

Result Evaluator::visit(const ListLiteral& node) {
  if (!budget_.make(node.items.size() * sizeof(Value))) return budget_.error();
  std::vector<Value> items;
  for (const ExpressionPtr& item : node.items) {
    TERN_ASSIGN(Value value, value_of(item));
    if (!value.fits_inside())
      return fail(fmt::format("a list cannot hold {}, or not at this depth", name_of(value.kind())));
    items.push_back(std::move(value));
  }
  return Value::list(std::move(items), node.tuple);
}

Result Evaluator::visit(const DictLiteral& node) {
  Dict dict;
  for (const auto& [key, item] : node.items) {
    TERN_ASSIGN(const Value name, value_of(key));
    TERN_ASSIGN(Value value, value_of(item));
    if (!name.is(Kind::string) && !name.is(Kind::integer))
      return fail(
          fmt::format("a key of a dict must be a string or an integer, and is {}", name_of(name.kind())));
    if (!value.fits_inside())
      return fail(fmt::format("a dict cannot hold {}, or not at this depth", name_of(value.kind())));
    Key made = *key_of(name);
    if (!budget_.make(made.text().size() + 4 * sizeof(Value))) return budget_.error();
    dict.set(std::move(made), std::move(value));
  }
  return Value::dict(std::move(dict));
}

Result Evaluator::visit(const Attribute& node) {
  TERN_ASSIGN(const Value object, value_of(node.object));
  if (object.is(Kind::undefined))
    return undefined_error(*node.object, fmt::format("it has no attribute '{}'", node.name));
  return attribute_of(object, node.name);
}

Result Evaluator::visit(const Item& node) {
  TERN_ASSIGN(const Value object, value_of(node.object));
  TERN_ASSIGN(const Value key, value_of(node.key));
  if (object.is(Kind::undefined)) return undefined_error(*node.object, "it has no items");
  return item_of(object, key, budget_);
}

Result Evaluator::visit(const Slice& node) {
  TERN_ASSIGN(const Value object, value_of(node.object));
  Value parts[3];
  const ExpressionPtr* given[3] = {&node.start, &node.stop, &node.step};
  for (size_t i = 0; i < 3; ++i) {
    if (!*given[i]) continue;
    TERN_ASSIGN(parts[i], value_of(*given[i]));
  }
  const auto part = [&](size_t i) { return *given[i] ? &parts[i] : nullptr; };
  return slice_of(object, part(0), part(1), part(2), budget_);
}

Result Evaluator::visit(const Unary& node) {
  TERN_ASSIGN(const Value value, value_of(node.operand));
  switch (node.op) {
    case UnaryOperator::negate: return negative(value);
    case UnaryOperator::plus:
      if (value.is_number()) return value;
      return fail(fmt::format("{} has no sign", name_of(value.kind())));
    case UnaryOperator::logical_not: return Value::boolean(!value.truth());
  }
  return Value();
}

Result Evaluator::visit(const Binary& node) {
  TERN_ASSIGN(const Value left, value_of(node.left));
  TERN_ASSIGN(const Value right, value_of(node.right));
  return binary(node.op, left, right, budget_);
}

Result Evaluator::visit(const Logical& node) {
  TERN_ASSIGN(const Value left, value_of(node.left));
  if (left.truth() == (node.op == LogicalOperator::logical_or)) return left;
  return value_of(node.right);
}

Result Evaluator::visit(const Compare& node) {
  TERN_ASSIGN(Value left, value_of(node.first));
  for (const auto& [comparison, operand] : node.rest) {
    TERN_ASSIGN(Value right, value_of(operand));
    TERN_ASSIGN(const bool holds, compare(comparison, left, right, budget_));
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result Evaluator::visit(const Conditional& node) {
  TERN_ASSIGN(const Value condition, value_of(node.condition));
  if (condition.truth()) return value_of(node.value);
  return node.otherwise ? value_of(node.otherwise) : Result(Value());
}

Result Evaluator::visit(const Filter& node) {
  TERN_ASSIGN(const Value subject, value_of(node.subject));
  TERN_ASSIGN(const auto arguments, values_of(node.arguments));
  return node.entry->apply(subject, arguments, context_);
}

Result Evaluator::visit(const Test& node) {
  TERN_ASSIGN(const Value subject, value_of(node.subject));
  TERN_ASSIGN(const auto arguments, values_of(node.arguments));
  TERN_ASSIGN(const bool holds, node.entry->holds(subject, arguments, context_));
  return Value::boolean(holds != node.negated);
}

// What map makes of an item, or whether select and reject keep it.
Result Evaluator::each_item(const Each& node, const Value& item, Arguments arguments, bool& keep) {
  Value value = item;
  if (node.attribute) {
    TERN_ASSIGN(const Value path, value_of(node.attribute));
    if (!path.is(Kind::string) && !path.is(Kind::integer)) return fail("an attribute must be a string");
    const std::string text = path.is(Kind::string) ? path.as_string() : std::to_string(path.as_integer());
    TERN_ASSIGN(value, item_at_path(item, text, budget_));
    if (value.is(Kind::undefined) && node.otherwise) {
      TERN_ASSIGN(value, value_of(node.otherwise));
    }
  }
  if (node.kind == EachKind::map) {
    keep = true;
    return node.filter != nullptr ? node.filter->apply(value, arguments, context_) : Result(value);
  }
  bool holds = value.truth();
  if (node.test != nullptr) {
    TERN_ASSIGN(holds, node.test->holds(value, arguments, context_));
  }
  keep = holds == (node.kind == EachKind::select);
  return item;
}

Result Evaluator::visit(const Each& node) {
  TERN_ASSIGN(const Value subject, value_of(node.subject));
  TERN_ASSIGN(const auto arguments, values_of(node.arguments));
  std::vector<Value> kept;
  // Jinja2 looks at the items of what is true only: none has no items, and that is no error here.
  if (!subject.truth()) return Value::list(std::move(kept));
  TERN_ASSIGN(const auto list, items_of(subject, budget_));
  for (const Value& item : list->items) {
    bool keep = false;
    TERN_ASSIGN(Value value, each_item(node, item, arguments, keep));
    if (!budget_.make(sizeof(Value))) return budget_.error();
    if (!keep) continue;
    if (!value.fits_inside()) return fail("there are too many levels of lists and dicts");
    kept.push_back(std::move(value));
  }
  return Value::list(std::move(kept));
}

Result Evaluator::visit(const MethodCall& node) {
  TERN_ASSIGN(const Value object, value_of(node.object));
  TERN_ASSIGN(const auto arguments, values_of(node.arguments));
  if (object.is(Kind::undefined))
    return undefined_error(*node.object, fmt::format("it has no method '{}'", node.entry->signature.name));
  return node.entry->call(object, arguments, context_);
}

Result Evaluator::visit(const FunctionCall& node) {
  TERN_ASSIGN(const auto arguments, values_of(node.arguments));
  return node.entry->call(arguments, context_);
}

Result Evaluator::make_namespace(const CallArguments& arguments, bool is_dict) {
  Dict attributes;
  if (arguments.positional.size() > 1) return fail("namespace and dict take one argument without a name");
  for (const ExpressionPtr& argument : arguments.positional) {
    TERN_ASSIGN(const Value value, value_of(argument));
    if (!value.is(Kind::dict)) return fail("namespace and dict begin with a dict");
    if (!budget_.make(value.as_dict().items().size() * 4 * sizeof(Value))) return budget_.error();
    attributes = value.as_dict();
  }
  for (const auto& [name, argument] : arguments.named) {
    TERN_ASSIGN(Value value, value_of(argument));
    if (!value.fits_inside()) return fail(fmt::format("'{}' cannot be {}", name, name_of(value.kind())));
    if (!budget_.make(name.size() + 4 * sizeof(Value))) return budget_.error();
    attributes.set(name, std::move(value));
  }
  return is_dict ? Value::dict(std::move(attributes)) : Value::name_space(std::move(attributes));
}

Result Evaluator::visit(const Call& node) {
  const Caller entering = std::exchange(next_caller_, {});
  const Value callee = look_up(node.name);
  if (!callee.is(Kind::callable)) return fail(fmt::format("'{}' is no function or macro here", node.name));
  const Macro* macro = callee.as_callable().macro;
  if (macro == nullptr) return make_namespace(node.arguments, node.name == "dict");
  const bool is_caller = macro == caller_.macro;
  return call_macro(*macro, node.arguments, is_caller ? caller_.scope : &root_, entering);
}

Result Evaluator::call_macro(const Macro& macro, const CallArguments& arguments, Scope* around,
                             const Caller& caller) {
  Scope scope;
  scope.parent = around;
  if (arguments.positional.size() > macro.parameters.size())
    return fail(fmt::format("'{}' takes {} arguments, not {}", macro.name, macro.parameters.size(),
                            arguments.positional.size()));
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    TERN_ASSIGN(scope.variables[macro.parameters[i].first], value_of(arguments.positional[i]));
  }
  for (const auto& [name, argument] : arguments.named) {
    const auto same = [&](const auto& parameter) { return parameter.first == name; };
    if (std::none_of(macro.parameters.begin(), macro.parameters.end(), same))
      return fail(fmt::format("'{}' has no argument '{}'", macro.name, name));
    if (scope.variables.contains(name)) return fail(fmt::format("argument '{}' is given twice", name));
    TERN_ASSIGN(scope.variables[name], value_of(argument));
  }
  // Defaults see the parameters before them.
  Scope* const outer = std::exchange(scope_, &scope);
  const Caller outer_caller = std::exchange(caller_, caller);
  std::optional<Error> fault;
  for (const auto& [name, otherwise] : macro.parameters) {
    if (fault || scope.variables.contains(name)) continue;
    Result value = otherwise ? value_of(otherwise) : Result(Value());
    if (value) {
      scope.variables[name] = value.take();
    } else {
      fault = value.error();
    }
  }
  scope_ = outer;
  Result result{Value()};
  if (fault) {
    result = *fault;
  } else {
    const Expected<std::string> text = captured(macro.body, scope);
    result = text ? Result(Value::string(*text)) : Result(text.error());
  }
  caller_ = outer_caller;
  return result;
}

}  // namespace tern::runtime::jinja
