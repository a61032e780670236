#include "runtime/jinja/parse/statement_parser.h"

#include <algorithm>
#include <set>

#include "runtime/jinja/parse/expression_parser.h"

namespace tern::runtime::jinja {
namespace {

// How deep statements may stand within each other.
constexpr size_t max_block_depth = 60;

class StatementParser {
 public:
  StatementParser(std::string_view source, const std::vector<Token>& tokens)
      : cursor_(source, tokens), expressions_(cursor_) {}

  Expected<Block> run() {
    TERN_ASSIGN(Block block, parse_block({}));
    for (const CalledName& called : expressions_.called_names()) {
      if (!macros_.contains(called.name))
        return cursor_.fail_at(called.offset, fmt::format("there is no function or macro '{}'", called.name));
    }
    return block;
  }

 private:
  using Words = std::vector<std::string_view>;

  // Statements up to one that begins with one of `ends`, whose word is left to be read; to the end of the
  // template if there are none.
  Expected<Block> parse_block(const Words& ends) {
    if (++depth_ > max_block_depth)
      return cursor_.fail_at(cursor_.peek().offset, "there are too many statements within each other");
    const size_t begin = cursor_.peek().offset;
    Block block;
    while (!cursor_.at(TokenKind::end)) {
      const size_t offset = cursor_.peek().offset;
      if (cursor_.at(TokenKind::text)) {
        block.push_back({Text{cursor_.next().text}, offset});
      } else if (cursor_.at(TokenKind::expression_begin)) {
        cursor_.next();
        TERN_ASSIGN(ExpressionPtr value, expressions_.parse(true));
        if (!cursor_.at(TokenKind::expression_end)) return cursor_.unexpected("'}}'");
        cursor_.next();
        block.push_back({Print{std::move(value)}, offset});
      } else {
        cursor_.next();
        for (const std::string_view end : ends) {
          if (!cursor_.at_name(end)) continue;
          --depth_;
          return block;
        }
        TERN_TRY(parse_statement(block, offset));
      }
    }
    if (!ends.empty())
      return cursor_.fail_at(begin, fmt::format("the statement before this has no {{% {} %}}", ends.back()));
    --depth_;
    return block;
  }

  Status end_statement() {
    if (!cursor_.at(TokenKind::statement_end)) return cursor_.unexpected("'%}'");
    cursor_.next();
    return {};
  }

  // A block and its end: "%} ... {% endword %}".
  Expected<Block> parse_body(std::string_view end) {
    TERN_TRY(end_statement());
    TERN_ASSIGN(Block body, parse_block({end}));
    cursor_.next();
    TERN_TRY(end_statement());
    return body;
  }

  Status parse_statement(Block& block, size_t offset) {
    TERN_ASSIGN(const std::string word, cursor_.expect_name("a statement"));
    const auto add = [&](auto parsed) -> Status {
      TERN_TRY(parsed);
      block.push_back({parsed.take(), offset});
      return {};
    };
    if (word == "if") return add(parse_if());
    if (word == "for") return add(parse_for());
    if (word == "set") return add(parse_set());
    if (word == "macro") return add(parse_macro(offset));
    if (word == "call") return add(parse_call(offset));
    if (word == "filter") return add(parse_filter());
    if (word == "with") return add(parse_with());
    if (word == "generation") return add(parse_generation());
    if (word == "break" || word == "continue") {
      if (loops_ == 0) return cursor_.fail_at(offset, fmt::format("'{}' stands in no loop", word));
      TERN_TRY(end_statement());
      if (word == "break") {
        block.push_back({Break{}, offset});
      } else {
        block.push_back({Continue{}, offset});
      }
      return {};
    }
    if (word.starts_with("end") || word == "else" || word == "elif")
      return cursor_.fail_at(offset, fmt::format("'{}' ends nothing here", word));
    return cursor_.fail_at(offset, fmt::format("the statement '{}' is not supported", word));
  }

  Expected<If> parse_if() {
    If made;
    while (true) {
      TERN_ASSIGN(ExpressionPtr condition, expressions_.parse(true));
      TERN_TRY(end_statement());
      TERN_ASSIGN(Block body, parse_block({"elif", "else", "endif"}));
      made.branches.emplace_back(std::move(condition), std::move(body));
      if (!cursor_.take_name("elif")) break;
    }
    if (cursor_.take_name("else")) {
      TERN_ASSIGN(made.otherwise, parse_body("endif"));
    } else {
      cursor_.next();
      TERN_TRY(end_statement());
    }
    return made;
  }

  Expected<For> parse_for() {
    For made;
    const bool bracket = cursor_.take_symbol("(");
    do {
      if (bracket && cursor_.at_symbol(")")) break;
      TERN_ASSIGN(std::string name, parse_variable());
      made.targets.push_back(std::move(name));
    } while (cursor_.take_symbol(","));
    if (bracket) TERN_TRY(cursor_.expect_symbol(")"));
    if (!cursor_.take_name("in")) return cursor_.unexpected("'in'");
    TERN_ASSIGN(made.list, expressions_.parse_without_condition());
    if (cursor_.take_name("if")) {
      TERN_ASSIGN(made.condition, expressions_.parse());
    }
    if (cursor_.at_name("recursive")) return cursor_.unexpected("'%}' ('recursive' is not supported)");
    TERN_TRY(end_statement());
    ++loops_, ++scopes_;
    TERN_ASSIGN(made.body, parse_block({"else", "endfor"}));
    --loops_, --scopes_;
    if (cursor_.take_name("else")) {
      TERN_ASSIGN(made.otherwise, parse_body("endfor"));
    } else {
      cursor_.next();
      TERN_TRY(end_statement());
    }
    return made;
  }

  Expected<std::string> parse_variable() {
    const size_t offset = cursor_.peek().offset;
    TERN_ASSIGN(std::string name, cursor_.expect_name("the name of a variable"));
    for (const std::string_view word :
         {"true", "false", "none", "True", "False", "None", "if", "else", "and", "or", "not", "in", "is"}) {
      if (name == word) return cursor_.fail_at(offset, fmt::format("'{}' is no name of a variable", name));
    }
    return name;
  }

  Expected<Set> parse_set() {
    Set made;
    do {
      Target target;
      TERN_ASSIGN(target.name, parse_variable());
      if (cursor_.take_symbol(".")) {
        TERN_ASSIGN(target.attribute, cursor_.expect_name("the name of an attribute"));
      }
      made.targets.push_back(std::move(target));
    } while (cursor_.take_symbol(","));
    if (cursor_.take_symbol("=")) {
      TERN_ASSIGN(made.value, expressions_.parse(true));
      TERN_TRY(end_statement());
      return made;
    }
    while (cursor_.take_symbol("|")) {
      TERN_ASSIGN(FilterStep step, expressions_.parse_filter_step());
      made.filters.push_back(std::move(step));
    }
    if (made.targets.size() > 1) return cursor_.unexpected("'='");
    const size_t loops = std::exchange(loops_, 0);
    ++scopes_;
    TERN_ASSIGN(made.body, parse_body("endset"));
    --scopes_;
    loops_ = loops;
    return made;
  }

  // The parameters of a macro or a call block, after "(".
  Status parse_parameters(Macro& macro) {
    while (!cursor_.at_symbol(")")) {
      TERN_ASSIGN(std::string name, parse_variable());
      ExpressionPtr otherwise;
      if (cursor_.take_symbol("=")) {
        TERN_ASSIGN(otherwise, expressions_.parse());
      }
      macro.parameters.emplace_back(std::move(name), std::move(otherwise));
      if (!cursor_.take_symbol(",")) break;
    }
    return cursor_.expect_symbol(")");
  }

  Expected<std::shared_ptr<Macro>> parse_macro(size_t offset) {
    if (scopes_ > 0) return cursor_.fail_at(offset, "a macro may stand in no loop and in no other macro");
    auto macro = std::make_shared<Macro>();
    TERN_ASSIGN(macro->name, parse_variable());
    macros_.insert(macro->name);
    TERN_TRY(cursor_.expect_symbol("("));
    TERN_TRY(parse_parameters(*macro));
    ++scopes_;
    TERN_ASSIGN(macro->body, parse_body("endmacro"));
    --scopes_;
    return macro;
  }

  Expected<CallBlock> parse_call(size_t offset) {
    CallBlock made;
    made.caller = std::make_shared<Macro>();
    made.caller->name = "caller";
    if (cursor_.take_symbol("(")) TERN_TRY(parse_parameters(*made.caller));
    TERN_ASSIGN(made.call, expressions_.parse());
    if (!std::holds_alternative<Call>(made.call->node))
      return cursor_.fail_at(offset, "a call block must call a macro");
    const size_t loops = std::exchange(loops_, 0);
    ++scopes_;
    TERN_ASSIGN(made.caller->body, parse_body("endcall"));
    --scopes_;
    loops_ = loops;
    return made;
  }

  Expected<FilterBlock> parse_filter() {
    FilterBlock made;
    do {
      TERN_ASSIGN(FilterStep step, expressions_.parse_filter_step());
      made.filters.push_back(std::move(step));
    } while (cursor_.take_symbol("|"));
    const size_t loops = std::exchange(loops_, 0);
    ++scopes_;
    TERN_ASSIGN(made.body, parse_body("endfilter"));
    --scopes_;
    loops_ = loops;
    return made;
  }

  Expected<With> parse_with() {
    With made;
    while (!cursor_.at(TokenKind::statement_end)) {
      if (!made.variables.empty()) TERN_TRY(cursor_.expect_symbol(","));
      TERN_ASSIGN(std::string name, parse_variable());
      TERN_TRY(cursor_.expect_symbol("="));
      TERN_ASSIGN(ExpressionPtr value, expressions_.parse());
      made.variables.emplace_back(std::move(name), std::move(value));
    }
    ++scopes_;
    TERN_ASSIGN(made.body, parse_body("endwith"));
    --scopes_;
    return made;
  }

  Expected<Generation> parse_generation() {
    const size_t loops = std::exchange(loops_, 0);
    ++scopes_;
    Generation made;
    TERN_ASSIGN(made.body, parse_body("endgeneration"));
    --scopes_;
    loops_ = loops;
    return made;
  }

  TokenCursor cursor_;
  ExpressionParser expressions_;
  std::set<std::string, std::less<>> macros_ = {"caller", "namespace", "dict"};
  size_t depth_ = 0;
  size_t loops_ = 0;   // around the statement, that break and continue may leave
  size_t scopes_ = 0;  // around it, whose variables end with them
};

}  // namespace

Expected<Block> parse_statements(std::string_view source, const std::vector<Token>& tokens) {
  return StatementParser(source, tokens).run();
}

}  // namespace tern::runtime::jinja
