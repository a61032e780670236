#include "tools/eval/kl.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/generate/divergence.h"
#include "tools/options/exit_code.h"

namespace tern::tools {
namespace {

void print(const runtime::Divergence& result, const KlFlags& flags, size_t context) {
  const auto tokens = static_cast<double>(result.kl.size());
  const double same_top = static_cast<double>(result.same_top) / tokens;
  const double same_top_error =
      result.kl.size() < 2 ? std::nan("") : std::sqrt(same_top * (1 - same_top) / (tokens - 1));
  const double change = std::sqrt(result.squared_change.mean);
  const double perplexity_a = std::exp(result.nats_a.mean), perplexity_b = std::exp(result.nats_b.mean);
  if (flags.json) {
    fmt::print("{}\n", nlohmann::json{{"method", flags.windows.method},
                                      {"context", context},
                                      {"windows", result.windows},
                                      {"tokens", result.kl.size()},
                                      {"mean", result.mean.mean},
                                      {"mean_error", result.mean.standard_error()},
                                      {"median", result.quantile(0.5)},
                                      {"percentile_99", result.quantile(0.99)},
                                      {"max", result.quantile(1)},
                                      {"same_top", same_top},
                                      {"same_top_error", same_top_error},
                                      {"rms_logprob_change", change},
                                      {"perplexity_a", perplexity_a},
                                      {"perplexity_b", perplexity_b},
                                      {"complete", result.complete}}
                           .dump());
    return;
  }
  fmt::print(
      "KL(A || B)   mean {:.6g}{}, median {:.6g}, 99 % {:.6g}, max {:.6g} nats a token\n", result.mean.mean,
      std::isnan(result.mean.standard_error()) ? "" : fmt::format(" +- {:.2g}", result.mean.standard_error()),
      result.quantile(0.5), result.quantile(0.99), result.quantile(1));
  fmt::print("same top     {:.3f}{} % of {} tokens\n", 100 * same_top, plus_minus(100 * same_top_error, 3),
             result.kl.size());
  fmt::print("right token  rms change of ln P {:.6g}; perplexity {:.4f} of A, {:.4f} of B ({} of {})\n",
             change, perplexity_a, perplexity_b, flags.windows.method, context);
}

}  // namespace

void add_kl_options(CLI::App& command, KlFlags& flags) {
  command.add_option("models", flags.models, "GGUF files of A and B; B is A if not given")
      ->type_name("[A] [B]")
      ->expected(0, 2);
  command.add_option("--with", flags.with,
                     "Options of B where they differ from A's, as one text: --with '--kv f32 -t 1'");
  command.add_option("--file", flags.file, "Text to compare them on ('-': standard input)")->required();
  add_window_options(command, flags.windows);
  command.add_flag("--json", flags.json, "Print JSON");
  add_engine_options(command, flags.engine);
}

Expected<EngineFlags> settings_of_b(const KlFlags& flags) {
  EngineFlags b = flags.engine;
  if (flags.models.size() > 1) b.model = flags.models[1];
  CLI::App parser("options of B");
  parser.set_help_flag();
  add_engine_options(parser, b);
  try {
    parser.parse(flags.with, false);
  } catch (const CLI::ParseError& error) {
    return Error{fmt::format("--with: {}", error.what()), {}};
  }
  return b;
}

Expected<int> eval_kl(KlFlags flags) {
  if (!flags.models.empty()) {
    if (!flags.engine.model.empty())
      return Error{fmt::format("A is named twice: -m '{}' and '{}'", flags.engine.model, flags.models[0]),
                   {}};
    flags.engine.model = flags.models[0];
  }
  if (flags.models.size() < 2 && flags.with.empty())
    return Error{"give two models, or the settings of the second by --with", {}};
  TERN_ASSIGN(const EngineFlags settings, settings_of_b(flags));
  TERN_ASSIGN(runtime::Session a, load_engine(flags.engine));
  TERN_ASSIGN(runtime::Session b, load_engine(settings));
  const runtime::WindowOptions options =
      window_options(flags.windows, std::min(a.engine->model().hyperparameters.context_length,
                                             b.engine->model().hyperparameters.context_length));
  std::string text;
  TERN_ASSIGN(const runtime::CutText cut, read_windows(flags.file, text, a.engine->tokenizer(), options));
  ProgressLine line;
  const auto result = runtime::divergence(*a.engine, *b.engine, cut, [&](const runtime::Divergence& so_far) {
    return line.show([&] {
      return fmt::format("window {} of {}: mean KL {:.6g}", so_far.windows, cut.windows.size(),
                         so_far.mean.mean);
    });
  });
  line.clear();
  if (!result) return result.error();
  print(*result, flags, options.context);
  return finish(result->complete, fmt::format("the first {} tokens that are scored", result->kl.size()));
}

}  // namespace tern::tools
