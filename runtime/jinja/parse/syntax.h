// The syntax tree of a template. What a name refers to in the tables of filters, tests, methods and functions
// is already looked up, and arguments are bound to their parameters: a template that parses can fail only by
// its values.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/jinja/values/value.h"

namespace tern::runtime::jinja {

struct FilterEntry;
struct TestEntry;
struct MethodEntry;
struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

// One for each parameter of a table's entry, in its order; null: not given.
using BoundArguments = std::vector<ExpressionPtr>;

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListLiteral {
  std::vector<ExpressionPtr> items;
  bool tuple = false;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};
struct Attribute {  // object.name
  ExpressionPtr object;
  std::string name;
};
struct Item {  // object[key]
  ExpressionPtr object, key;
};
struct Slice {  // object[start:stop:step]; a part may be null
  ExpressionPtr object, start, stop, step;
};
enum class UnaryOperator { negate, plus, logical_not };
struct Unary {
  UnaryOperator op;
  ExpressionPtr operand;
};
enum class BinaryOperator { add, subtract, multiply, divide, floor_divide, modulo, power, concatenate };
struct Binary {
  BinaryOperator op;
  ExpressionPtr left, right;
};
enum class LogicalOperator { logical_and, logical_or };
struct Logical {
  LogicalOperator op;
  ExpressionPtr left, right;
};
enum class Comparison { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };
struct Compare {  // first op operand op operand ...: true if each neighbouring pair compares so
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};
struct Conditional {  // value if condition else otherwise; otherwise may be null
  ExpressionPtr condition, value, otherwise;
};
struct Filter {
  ExpressionPtr subject;
  const FilterEntry* entry;
  BoundArguments arguments;
};
struct Test {
  ExpressionPtr subject;
  const TestEntry* entry;
  BoundArguments arguments;
  bool negated;
};
// The filters that apply something to each item of a list: map, select, reject, selectattr, rejectattr. `map`
// applies a filter or takes an attribute, the others keep or drop by a test, or by truth where there is none.
enum class EachKind { map, select, reject };
struct Each {
  EachKind kind;
  ExpressionPtr subject;
  ExpressionPtr attribute;  // path of the attribute, a string or an integer; null: the item itself
  ExpressionPtr otherwise;  // of map: in place of an undefined attribute; may be null
  const FilterEntry* filter = nullptr;
  const TestEntry* test = nullptr;
  BoundArguments arguments;  // of the filter or test
};
struct MethodCall {
  ExpressionPtr object;
  const MethodEntry* entry;
  BoundArguments arguments;
};
struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};
struct Call {  // of a macro, of `caller`, or of one of the functions that take any names, such as namespace
  std::string name;
  CallArguments arguments;
};
struct FunctionCall {
  const FunctionEntry* entry;
  BoundArguments arguments;
};

struct Expression {
  std::variant<Literal, Name, ListLiteral, DictLiteral, Attribute, Item, Slice, Unary, Binary, Logical,
               Compare, Conditional, Filter, Test, Each, MethodCall, Call, FunctionCall>
      node;
  size_t begin = 0, end = 0;  // bytes of the source
  size_t depth = 1;           // levels of expressions below, this one included
};

struct Statement;
using Block = std::vector<Statement>;

struct Text {
  std::string text;
};
struct Print {
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct For {
  std::vector<std::string> targets;  // several: each item is unpacked
  ExpressionPtr list;
  ExpressionPtr condition;  // may be null
  Block body, otherwise;
};
// Where {% set %} puts a value: a variable, or an attribute of a namespace if `attribute` is not empty.
struct Target {
  std::string name, attribute;
};
struct FilterStep {  // one filter of {% set x | trim %} or {% filter trim %}
  const FilterEntry* entry;
  BoundArguments arguments;
};
struct Set {
  std::vector<Target> targets;  // several: the value is unpacked
  ExpressionPtr value;          // null: the output of `body`, through `filters`
  Block body;
  std::vector<FilterStep> filters;
};
struct Macro {
  std::string name;
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;  // with defaults, which may be null
  Block body;
};
struct CallBlock {  // {% call(parameters) macro(...) %} body {% endcall %}
  std::shared_ptr<Macro> caller;
  ExpressionPtr call;
};
struct FilterBlock {
  std::vector<FilterStep> filters;
  Block body;
};
struct With {  // {% with a = 1, b = 2 %}: variables that end with the block
  std::vector<std::pair<std::string, ExpressionPtr>> variables;
  Block body;
};
struct Generation {  // {% generation %}: marks what the assistant wrote, and prints its body
  Block body;
};
struct Break {};
struct Continue {};

struct Statement {
  std::variant<Text, Print, If, For, Set, std::shared_ptr<Macro>, CallBlock, FilterBlock, With, Generation,
               Break, Continue>
      node;
  size_t begin = 0;  // byte of the source
};

}  // namespace tern::runtime::jinja
