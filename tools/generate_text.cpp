#include "tools/generate_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "runtime/generate/generate.h"
#include "runtime/generate/stop_strings.h"
#include "runtime/model/model_cost.h"
#include "runtime/text/stream_decoder.h"
#include "tools/commands.h"
#include "tools/options/input.h"
#include "tools/options/model_options.h"
#include "tools/options/numbers.h"
#include "tools/options/process.h"
#include "tools/options/terminal_text.h"

namespace tern::tools {
namespace {

Expected<std::vector<uint32_t>> prompt_tokens(const TextFlags& flags, const runtime::Tokenizer& tokenizer) {
  if (!flags.ids.empty()) return read_ids(flags.ids);
  std::string text = flags.prompt;
  const bool is_given = !flags.prompt.empty() || !flags.prompt_file.empty();
  if (!flags.prompt_file.empty() || (!is_given && is_piped_in())) {
    TERN_ASSIGN(text, read_text(is_given ? flags.prompt_file : "-"));
  }
  if (flags.escapes) text = unescaped(text);
  return tokenizer.encode_from_beginning(text, flags.parse_special);
}

// Room for the prompt and what follows, within what the model was trained for.
size_t context_size(const TextFlags& flags, const runtime::Model& model, size_t prompt) {
  const size_t trained = model.hyperparameters.context_length;
  if (flags.context > trained)
    fmt::print(stderr,
               "tern: warning: the model was trained for {} tokens; beyond them it makes less sense\n",
               trained);
  const size_t limit = flags.context != 0 ? flags.context : trained;
  return std::min(limit, std::max(prompt + flags.tokens, size_t{1}));
}

void explain_stop(const runtime::Generation& result, size_t context) {
  switch (result.reason) {
    case runtime::StopReason::context_full:
      fmt::print(stderr, "tern: stopped: the context of {} tokens is full (-c sets its size)\n", context);
      return;
    case runtime::StopReason::interrupted:
      fmt::print(stderr, "tern: interrupted after {} tokens\n", result.tokens.size());
      return;
    case runtime::StopReason::max_tokens:
    case runtime::StopReason::end_token:
    case runtime::StopReason::stop_string: return;
  }
}

// "PQ2_0, activations i8 by groups of 32": the types of the layers' matrices, each once, and what they
// multiply.
std::string arithmetic_of_layers(const runtime::Model& model) {
  std::vector<std::string_view> types;
  for (const runtime::Weights& layer : model.layers) {
    for (const auto& [role, tensor] : layer.matrices) {
      if (std::ranges::find(types, name_of(tensor.type)) == types.end())
        types.push_back(name_of(tensor.type));
    }
  }
  const runtime::Hyperparameters& h = model.hyperparameters;
  return fmt::format("{}, activations {}", fmt::join(types, " and "),
                     h.float_activations ? std::string("f32, sums in order")
                     : h.activation_group == 0
                         ? std::string("i8 by token, exact sums")
                         : fmt::format("i8 by groups of {}, exact sums a group", h.activation_group));
}

}  // namespace

void print_stats(const runtime::Session& loaded, const runtime::Generation& result, double load_seconds) {
  const runtime::Engine& engine = *loaded.engine;
  const auto rate = [](double count, double seconds) { return seconds > 0 ? count / seconds : 0.0; };
  const runtime::LoadTimes& load = engine.load_times();
  const auto length = static_cast<uint32_t>(result.prompt_tokens + result.tokens.size());
  const runtime::ModelCost cost = cost_of(engine.model(), length);
  fmt::print(stderr, "\nload     {:8.3f} s  (file {:.3f}, tokenizer {:.3f}, weights and kernels {:.3f})\n",
             load_seconds, load.file, load.tokenizer, load.plan);
  fmt::print(stderr, "prefill  {:8.3f} s  {} tokens, {:.1f} tokens/s\n", result.prefill_seconds,
             result.prompt_tokens, rate(static_cast<double>(result.prompt_tokens), result.prefill_seconds));
  fmt::print(stderr, "decode   {:8.3f} s  {} tokens, {:.1f} tokens/s\n", result.decode_seconds,
             result.decode_steps, rate(static_cast<double>(result.decode_steps), result.decode_seconds));
  fmt::print(stderr, "a token reads {:.2f} MB (layers {:.2f}, head {:.2f}, keys and values {:.2f})\n",
             static_cast<double>(cost.token_bytes()) / 1e6, static_cast<double>(cost.layer_bytes) / 1e6,
             static_cast<double>(cost.head_bytes) / 1e6, static_cast<double>(cost.key_value_bytes) / 1e6);
  fmt::print(stderr, "memory   {:8.1f} MB at most, {:.1f} MB of packed weights\n",
             static_cast<double>(peak_memory()) / 1e6,
             static_cast<double>(engine.plan().packed_bytes()) / 1e6);
  fmt::print(stderr, "layers   {}\n", arithmetic_of_layers(engine.model()));
  const uint32_t group = engine.model().hyperparameters.head_group;
  fmt::print(stderr, "head     {}, {}\n", name_of(engine.model().head().type),
             group != 0 ? fmt::format("activations i8 by groups of {}, exact sums a group", group)
                        : std::string("activations f32, sums in order"));
  if (const Expected<runtime::Meetings> meetings = loaded.engine->meetings())
    fmt::print(stderr, "threads  {:8} times wait for each other to decode a token, {} times in a layer\n",
               meetings->step, meetings->layer);
  fmt::print(stderr, "kernels  {}; for target {}, on {}{}\n", loaded.kernels, engine.target().name,
             text(engine.threads()), loaded.threads_are_tuned ? " (tuned)" : "");
}

void add_stop_option(CLI::App& command, std::vector<std::string>& stop_strings) {
  const auto is_text = [](const std::string& text) {
    if (text.empty()) return "it would end every text before its beginning";
    return utf8_valid_prefix(text) == text.size() ? "" : "it is no UTF-8";
  };
  command.add_option("--stop", stop_strings, "End the text before this one; may be given several times")
      ->allow_extra_args(false)
      ->check(CLI::Validator([is_text](std::string& text) { return std::string(is_text(text)); }, "TEXT"));
}

void add_text_options(CLI::App& command, TextFlags& flags) {
  auto* prompt = command.add_option(
      "-p,--prompt", flags.prompt, "Text to continue (default: standard input, if that is a file or a pipe)");
  auto* file = command.add_option("-f,--prompt-file", flags.prompt_file,
                                  "File with the text to continue ('-': standard input)");
  auto* ids = command.add_option("--ids", flags.ids, "File with the token ids to continue");
  prompt->excludes(file)->excludes(ids);
  file->excludes(ids);
  add_token_count(command, flags.tokens, "Most tokens to generate");
  command
      .add_option("-c,--context", flags.context,
                  "Tokens of context (default: what the model was trained for)")
      ->check(CLI::Range(1, 1 << 24));
  runtime::SamplerOptions& sampling = flags.sampling;
  command.add_option("--temp", sampling.temperature, "Temperature; 0 takes the likeliest token")
      ->capture_default_str();
  command.add_option("--top-k", sampling.top_k, "Keep the k likeliest tokens; 0: all")->capture_default_str();
  command.add_option("--top-p", sampling.top_p, "Keep the likeliest tokens of this probability in all")
      ->capture_default_str();
  command.add_option("--min-p", sampling.min_p, "Keep tokens of this share of the likeliest's probability")
      ->capture_default_str();
  command
      .add_option("--repeat-penalty", sampling.repetition_penalty, "Make recent tokens less likely; 1: no")
      ->capture_default_str();
  command.add_option("--repeat-window", sampling.repetition_window, "Tokens that count as recent")
      ->capture_default_str();
  add_seed(command, sampling.seed);
  add_stop_option(command, flags.stop_strings);
  command.add_flag("--ignore-end", flags.ignore_end, "Go on after tokens that end a text");
  command.add_flag(
      "-e,--escape", flags.escapes,
      "Read \\n, \\t, \\r, \\\", \\' and \\\\ in the prompt as the characters that they stand for");
  command.add_flag("--special", flags.parse_special, "Read special tokens such as <|eot_id|> in the prompt");
  command.add_flag("--no-prompt", flags.no_prompt, "Print what is generated only");
  command.add_flag("--stats", flags.stats, "Print speed and memory to standard error at the end");
  command.add_flag("--json", flags.json, "Print {\"prompt\": ids, \"tokens\": ids, \"text\": string}");
}

Expected<int> generate_text(const TextFlags& flags, const EngineLoader& load) {
  // Options are checked first: nothing is loaded or printed if they cannot work.
  TERN_TRY(runtime::Sampler::make(flags.sampling));
  const auto start = std::chrono::steady_clock::now();
  TERN_ASSIGN(runtime::Session loaded, load());
  runtime::Engine& engine = *loaded.engine;
  const double load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  TERN_ASSIGN(const std::vector<uint32_t> prompt, prompt_tokens(flags, engine.tokenizer()));
  if (const Status status = runtime::check_tokens(engine, prompt); !status)
    return Error{status.error().message, {flags.ids, 0, 0}, status.error().kind};
  const size_t context = context_size(flags, engine.model(), prompt.size());
  if (prompt.size() > context)
    return Error{fmt::format("the prompt has {} tokens, but the context holds {} (-c sets its size)",
                             prompt.size(), context),
                 {}};
  TERN_ASSIGN(runtime::Sequence sequence, engine.make_sequence(context));

  runtime::GenerateOptions options;
  options.max_tokens = flags.tokens;
  options.sampling = flags.sampling;
  options.stop_at_end = !flags.ignore_end;
  catch_interrupts();
  const bool shows_progress = isatty(STDERR_FILENO) != 0 && !flags.json;
  bool progress_shown = false;
  const auto clear_progress = [&] {
    if (progress_shown) fmt::print(stderr, "\r\x1b[K");
    progress_shown = false;
  };
  options.on_prompt = [&](size_t done) {
    if (shows_progress) {
      fmt::print(stderr, "\r{} of {} tokens of the prompt", done, prompt.size());
      progress_shown = true;
    }
    return !interrupted();
  };

  runtime::StreamDecoder stream(engine.tokenizer().adds_space_prefix());
  runtime::StopStrings stops(flags.stop_strings);
  std::string text;
  const bool terminal = isatty(1) != 0;
  const auto print = [&](const std::string& part) {
    const std::string shown = terminal ? terminal_text(part) : part;
    std::fwrite(shown.data(), 1, shown.size(), stdout);
    std::fflush(stdout);
  };
  const auto show = [&](const std::string& part) {
    text += part;
    if (!flags.json) print(part);
  };
  std::string shown_prompt;
  for (uint32_t id : prompt) {
    if (id < engine.tokenizer().size()) shown_prompt += stream.push(engine.tokenizer().decode(id));
  }
  if (!flags.json && !flags.no_prompt) print(shown_prompt);
  Expected<runtime::Generation> result =
      runtime::generate(engine, sequence, prompt, options, [&](uint32_t token) {
        clear_progress();
        show(stops.push(stream.push(engine.tokenizer().decode(token))));
        return !stops.stopped() && !interrupted() && !std::ferror(stdout);
      });
  clear_progress();
  if (!result) {
    if (!flags.json && !flags.no_prompt && !shown_prompt.empty()) std::fputc('\n', stdout);
    return result.error();
  }
  // JSON leaves out a character that was begun and not finished.
  const std::string unfinished = stream.flush();
  show(stops.push(flags.json ? "" : unfinished));
  show(stops.flush());
  if (stops.stopped()) result->reason = runtime::StopReason::stop_string;
  if (flags.json) {
    const nlohmann::json object = {{"prompt", prompt}, {"tokens", result->tokens}, {"text", text}};
    fmt::print("{}\n", object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    std::fputc('\n', stdout);
  }
  std::fflush(stdout);
  if (std::ferror(stdout)) return exit_failed;  // run_to_the_end says why
  explain_stop(*result, context);
  const std::string beside = loaded.end_tuning ? loaded.end_tuning() : "";
  if (flags.stats) {
    print_stats(loaded, *result, load_seconds);
    if (!beside.empty()) fmt::print(stderr, "beside   {}\n", beside);
  }
  return result->reason == runtime::StopReason::interrupted ? exit_interrupted : exit_ok;
}

}  // namespace tern::tools
