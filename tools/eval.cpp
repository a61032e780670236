// tern eval: how likely a model thinks a text is.
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "runtime/generate/evaluate.h"
#include "tools/commands.h"
#include "tools/options/engine_options.h"
#include "tools/options/input.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"

namespace tern::tools {
namespace {

struct EvalFlags {
  EngineFlags engine;
  std::string file, ids;
  size_t context = 0;
  bool json = false;
};

Expected<int> score_ids(const EvalFlags& flags, runtime::Engine& engine) {
  TERN_ASSIGN(const std::vector<uint32_t> ids, read_ids(flags.ids));
  TERN_ASSIGN(runtime::Sequence sequence,
              engine.make_sequence(flags.context != 0 ? flags.context : ids.size()));
  const Expected<std::vector<double>> scores = runtime::log_probabilities(engine, sequence, ids);
  if (!scores) return Error{scores.error().message, {flags.ids, 0, 0}};
  if (flags.json) {
    fmt::print("{}\n", nlohmann::json{{"tokens", ids}, {"logprobs", *scores}}.dump());
    return exit_ok;
  }
  double sum = 0;
  for (size_t i = 0; i < scores->size(); ++i) {
    fmt::print("{:6} {:8} {:.6f}\n", i + 1, ids[i + 1], (*scores)[i]);
    sum += (*scores)[i];
  }
  fmt::print("mean {:.6f} nats a token, perplexity {:.4f}\n", -sum / static_cast<double>(scores->size()),
             std::exp(-sum / static_cast<double>(scores->size())));
  return exit_ok;
}

Expected<int> score_text(const EvalFlags& flags, runtime::Engine& engine) {
  TERN_ASSIGN(const std::string text, read_text(flags.file));
  if (text.empty()) return Error{"is empty", {flags.file, 0, 0}};
  const std::vector<uint32_t> tokens = engine.tokenizer().encode(text, false);
  const size_t context = flags.context != 0 ? flags.context : engine.model().hyperparameters.context_length;
  const bool show_progress = isatty(STDERR_FILENO) != 0;
  catch_interrupts();
  const Expected<runtime::Perplexity> result = runtime::perplexity(engine, tokens, context, [&](size_t done) {
    if (show_progress) fmt::print(stderr, "\r{} of {} tokens", done, tokens.size());
    return !interrupted();
  });
  if (show_progress) fmt::print(stderr, "\r\x1b[K");
  if (!result) return Error{result.error().message, {flags.file, 0, 0}, result.error().kind};
  // Characters are those of UTF-8: bytes that do not continue one.
  size_t characters = 0;
  for (char c : text) characters += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  const double share = static_cast<double>(result->tokens) / static_cast<double>(tokens.size());
  const double bits = result->negative_log_sum / std::log(2.0) / (static_cast<double>(characters) * share);
  if (flags.json) {
    fmt::print("{}\n", nlohmann::json{{"tokens", result->tokens},
                                      {"characters", characters},
                                      {"context", context},
                                      {"nats_per_token", result->nats_per_token()},
                                      {"perplexity", result->perplexity()},
                                      {"bits_per_character", bits}}
                           .dump());
  } else {
    fmt::print(
        "perplexity {:.4f}  ({:.4f} nats a token, {:.4f} bits a character; {} tokens, {} characters, windows "
        "of {})\n",
        result->perplexity(), result->nats_per_token(), bits, result->tokens, characters, context);
  }
  if (!interrupted()) return exit_ok;
  fmt::print(stderr, "tern: interrupted: the figures are those of the first {} tokens\n", result->tokens);
  return exit_interrupted;
}

Expected<int> evaluate(const EvalFlags& flags) {
  if (flags.file.empty() == flags.ids.empty()) return Error{"give either a text file or --ids FILE", {}};
  TERN_ASSIGN(runtime::Session loaded, load_engine(flags.engine));
  return flags.ids.empty() ? score_text(flags, *loaded.engine) : score_ids(flags, *loaded.engine);
}

}  // namespace

void add_eval(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<EvalFlags>();
  CLI::App* command = app.add_subcommand("eval", "Perplexity of a text, or log-probabilities of token ids");
  add_engine_options(*command, flags->engine);
  command->add_option("file", flags->file, "Text file to score ('-': standard input)");
  command->add_option("--ids", flags->ids, "File with token ids to score, as they stand, in one sequence");
  command
      ->add_option("-c,--context", flags->context,
                   "Tokens a window (default: what the model was trained for)")
      ->check(CLI::Range(2, 1 << 24));
  command->add_flag("--json", flags->json,
                    "Print JSON; for ids {\"tokens\": ids, \"logprobs\": ln P of each but the first}");
  command->callback([flags, &exit_code] {
    const Expected<int> code = evaluate(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools
