#include "runtime/jinja/template.h"

#include <fmt/format.h>

#include "runtime/jinja/evaluate/evaluate.h"
#include "runtime/jinja/parse/lexer.h"
#include "runtime/jinja/parse/statement_parser.h"

namespace tern::runtime::jinja {

Expected<Template> Template::parse(std::string_view source, std::string name) {
  if (source.size() > max_source_bytes)
    return Error{fmt::format("a chat template of {} bytes is too large", source.size()), {name}};
  Template made;
  made.name_ = std::move(name);
  made.source_ = normalized_source(source);
  const auto placed = [&](Error error) {
    error.where.file = made.name_;
    return error;
  };
  const Expected<std::vector<Token>> tokens = tokenize(made.source_);
  if (!tokens) return placed(tokens.error());
  Expected<Block> block = parse_statements(made.source_, *tokens);
  if (!block) return placed(block.error());
  made.block_ = std::make_shared<const Block>(block.take());
  return made;
}

Expected<std::string> Template::render(const Dict& variables, const RenderOptions& options) const {
  Budget budget(options.limits);
  Expected<std::string> text = evaluate(*block_, source_, variables, options.now, budget);
  if (text) return text;
  Error error = text.error();
  error.where.file = name_;
  return error;
}

}  // namespace tern::runtime::jinja
