#include "tools/eval/ppl.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/generate/evaluate.h"
#include "runtime/generate/multiple_choice.h"
#include "runtime/generate/perplexity.h"
#include "tools/options/exit_code.h"
#include "tools/options/input.h"

namespace tern::tools {
namespace {

Expected<int> score_ids(const PplFlags& flags, runtime::Engine& engine) {
  TERN_ASSIGN(const std::vector<uint32_t> ids, read_ids(flags.ids));
  const size_t context = flags.windows.context;
  TERN_ASSIGN(runtime::Sequence sequence, engine.make_sequence(context != 0 ? context : ids.size()));
  const Expected<std::vector<double>> scores = runtime::log_probabilities(engine, sequence, ids);
  if (!scores) return Error{scores.error().message, {flags.ids, 0, 0}, scores.error().kind};
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

Expected<int> score_text(const PplFlags& flags, const std::string& file, runtime::Engine& engine) {
  const runtime::WindowOptions options =
      window_options(flags.windows, engine.model().hyperparameters.context_length);
  std::string text;
  TERN_ASSIGN(const runtime::CutText cut, read_windows(file, text, engine.tokenizer(), options));
  ProgressLine line;
  const auto result = runtime::perplexity(engine, cut, [&](const runtime::Perplexity& so_far) {
    return line.show([&] {
      const std::string windows = fmt::format("window {} of {}", so_far.windows, cut.windows.size());
      return so_far.nats.count == 0 ? windows
                                    : fmt::format("{}: perplexity {:.4f}{}", windows, so_far.perplexity(),
                                                  plus_minus(so_far.error(), 4));
    });
  });
  line.clear();
  if (!result) return Error{result.error().message, {file, 0, 0}, result.error().kind};
  // The text's characters are shared out among its tokens evenly, where not all of these were scored.
  const size_t characters = runtime::count_characters(text), tokens = result->nats.count;
  const double share = static_cast<double>(tokens) / static_cast<double>(cut.text_tokens);
  const double bits = result->bits() / (static_cast<double>(characters) * share);
  if (flags.json) {
    fmt::print("{}\n", nlohmann::json{{"method", flags.windows.method},
                                      {"context", options.context},
                                      {"windows", result->windows},
                                      {"tokens", tokens},
                                      {"characters", characters},
                                      {"nats_per_token", result->nats.mean},
                                      {"nats_per_token_error", result->nats.standard_error()},
                                      {"perplexity", result->perplexity()},
                                      {"perplexity_error", result->error()},
                                      {"bits_per_character", bits},
                                      {"complete", result->complete}}
                           .dump());
  } else {
    fmt::print(
        "perplexity {:.4f}{}  ({:.4f} nats a token, {:.4f} bits a character; {} tokens, {} characters, {} of "
        "{})\n",
        result->perplexity(), plus_minus(result->error(), 4), result->nats.mean, bits, tokens, characters,
        flags.windows.method, options.context);
  }
  return finish(result->complete, fmt::format("the first {} tokens that are scored", tokens));
}

}  // namespace

void add_ppl_options(CLI::App& command, PplFlags& flags) {
  add_eval_files(command, flags.files, "Text to score");
  command.add_option("--ids", flags.ids,
                     "File with token ids to score instead, as they stand, in one sequence");
  add_window_options(command, flags.windows);
  command.add_flag("--json", flags.json,
                   "Print JSON; for ids {\"tokens\": ids, \"logprobs\": ln P of each but the first}");
  add_engine_options(command, flags.engine);
}

Expected<int> eval_ppl(PplFlags flags) {
  if (!flags.ids.empty() && flags.files.file.empty() && flags.files.names.size() == 1) {
    // What stands before ids can only be a model.
    flags.files.names.push_back(flags.ids);
    TERN_TRY(take_files(flags.files, flags.engine.model));
    flags.files.names.clear();
  }
  TERN_ASSIGN(const std::string file, take_files(flags.files, flags.engine.model));
  if (file.empty() == flags.ids.empty()) return Error{"give either a text file or --ids FILE", {}};
  TERN_ASSIGN(runtime::Session loaded, load_engine(flags.engine));
  return flags.ids.empty() ? score_text(flags, file, *loaded.engine) : score_ids(flags, *loaded.engine);
}

}  // namespace tern::tools
