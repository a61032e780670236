// tern embed: vectors that stand for texts.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/generate/embed.h"
#include "tools/commands.h"
#include "tools/options/engine_options.h"
#include "tools/options/input.h"
#include "tools/options/named_value.h"
#include "tools/options/output_file.h"

namespace tern::tools {
namespace {

using runtime::Pooling;

struct EmbedFlags {
  EngineFlags engine;
  std::vector<std::string> texts;
  std::string file, ids;
  Pooling pooling = Pooling::unstated;
};

void print_vector(const std::vector<float>& vector, size_t tokens, nlohmann::json line) {
  line["tokens"] = tokens;
  line["embedding"] = vector;
  fmt::print("{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// The texts of the command line, or the lines of the file.
Expected<std::vector<std::string>> texts_of(const EmbedFlags& flags) {
  if (flags.file.empty()) return flags.texts;
  TERN_ASSIGN(const std::string text, read_text(flags.file));
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

// With the token that ends a text behind it, unless the file says that there is none: the models were trained
// so, and with pooling of the last token it is the one that counts.
std::vector<uint32_t> tokens_of(const runtime::Engine& engine, const std::string& text) {
  std::vector<uint32_t> tokens = engine.tokenizer().encode_from_beginning(text, false);
  const runtime::Vocabulary& vocabulary = engine.model().vocabulary;
  if (vocabulary.end_of_text && vocabulary.add_end_of_text.value_or(true))
    tokens.push_back(*vocabulary.end_of_text);
  return tokens;
}

Expected<int> embed_all(const EmbedFlags& flags) {
  if (flags.texts.empty() + flags.file.empty() + flags.ids.empty() != 2)
    return Error{"give either texts, or --file FILE, or --ids FILE", {}};
  TERN_ASSIGN(runtime::Session loaded, load_engine(flags.engine));
  runtime::Engine& engine = *loaded.engine;
  const Pooling stated = engine.model().hyperparameters.pooling;
  const Pooling pooling = flags.pooling == Pooling::unstated ? stated : flags.pooling;
  if (!flags.ids.empty()) {
    TERN_ASSIGN(const std::vector<uint32_t> ids, read_ids(flags.ids));
    TERN_ASSIGN(const std::vector<float> vector, runtime::embed(engine, ids, pooling));
    print_vector(vector, ids.size(), nlohmann::json::object());
    return exit_ok;
  }
  TERN_ASSIGN(const std::vector<std::string> texts, texts_of(flags));
  for (const std::string& text : texts) {
    const std::vector<uint32_t> tokens = tokens_of(engine, text);
    TERN_ASSIGN(const std::vector<float> vector, runtime::embed(engine, tokens, pooling));
    print_vector(vector, tokens.size(), {{"text", text}});
  }
  return exit_ok;
}

}  // namespace

void add_embed(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<EmbedFlags>();
  CLI::App* command =
      app.add_subcommand("embed", "Vectors of length 1 that stand for texts, a line of JSON each");
  add_engine_options(*command, flags->engine);
  command->add_option("texts", flags->texts, "Texts to embed");
  command->add_option("--file", flags->file, "File with a text a line ('-': standard input)");
  command->add_option("--ids", flags->ids, "File with the token ids of one text, as they stand");
  const std::map<std::string, Pooling> poolings = {{"last", Pooling::last}, {"mean", Pooling::mean}};
  add_named_value(*command, "--pooling", flags->pooling,
                  "Which vector stands for a text (default: as the file says, else last)", poolings);
  command->callback([flags, &exit_code] {
    const Expected<int> code = embed_all(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools
