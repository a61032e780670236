// The state of one rendering: variables, output, and what is counted. Only evaluate*.cpp use it.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/jinja/parse/syntax.h"
#include "runtime/jinja/values/operators.h"
#include "runtime/jinja/values/signature.h"

namespace tern::runtime::jinja {

// How a block ended.
enum class Flow { next, break_loop, continue_loop };

class Evaluator {
 public:
  Evaluator(std::string_view source, const Dict& variables, const std::tm& now, Budget& budget);

  // The output of a block is appended to output().
  Expected<Flow> run(const Block& block);
  std::string& output() { return output_; }

 private:
  // Variables of a block, which looks further in the scope around it.
  struct Scope {
    std::unordered_map<std::string, Value> variables;
    Scope* parent = nullptr;
    size_t loops = 0;  // around the block
  };
  // A macro's caller: the body of the call block around the call, and the scope in which it stands.
  struct Caller {
    const Macro* macro = nullptr;
    Scope* scope = nullptr;
  };

  // evaluate_expression.cpp
  Result value_of(const Expression& expression);
  Result value_of(const ExpressionPtr& expression) { return value_of(*expression); }
  Expected<std::vector<std::optional<Value>>> values_of(const BoundArguments& arguments);
  Result visit(const Literal& node);
  Result visit(const Name& node);
  Result visit(const ListLiteral& node);
  Result visit(const DictLiteral& node);
  Result visit(const Attribute& node);
  Result visit(const Item& node);
  Result visit(const Slice& node);
  Result visit(const Unary& node);
  Result visit(const Binary& node);
  Result visit(const Logical& node);
  Result visit(const Compare& node);
  Result visit(const Conditional& node);
  Result visit(const Filter& node);
  Result visit(const Test& node);
  Result visit(const Each& node);
  Result visit(const MethodCall& node);
  Result visit(const Call& node);
  Result visit(const FunctionCall& node);
  Result each_item(const Each& node, const Value& item, Arguments arguments, bool& keep);
  Result call_macro(const Macro& macro, const CallArguments& arguments, Scope* around, const Caller& caller);
  Result make_namespace(const CallArguments& arguments, bool is_dict);
  Value look_up(const std::string& name) const;
  Error undefined_error(const Expression& object, std::string_view what) const;

  // evaluate_statement.cpp
  Expected<Flow> visit_statement(const Statement& statement);
  Expected<Flow> visit(const Text& node);
  Expected<Flow> visit(const Print& node);
  Expected<Flow> visit(const If& node);
  Expected<Flow> visit(const For& node);
  Expected<Flow> visit(const Set& node);
  Expected<Flow> visit(const std::shared_ptr<Macro>& node);
  Expected<Flow> visit(const CallBlock& node);
  Expected<Flow> visit(const FilterBlock& node);
  Expected<Flow> visit(const With& node);
  Expected<Flow> visit(const Generation& node);
  Expected<Flow> visit(const Break&) { return Flow::break_loop; }
  Expected<Flow> visit(const Continue&) { return Flow::continue_loop; }
  Expected<std::string> captured(const Block& block, Scope& scope);
  Result filtered(Value value, const std::vector<FilterStep>& filters);
  Status assign(const Target& target, Value value);
  Status unpack(const std::vector<std::string>& names, const Value& value, Scope& scope);
  Status print(std::string_view text);

  // The error with the place of a node, unless it has one.
  Error placed(Error error, size_t offset) const;

  std::string_view source_;
  Budget& budget_;
  Context context_;
  std::string output_;
  Scope root_;
  Scope* scope_ = &root_;
  Caller caller_;       // of the macro that runs
  Caller next_caller_;  // of the macro that the next call enters
};

}  // namespace tern::runtime::jinja
