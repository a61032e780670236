// tern run: text in, text out, with kernels compiled on this machine.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "tools/chat/show_answer.h"
#include "tools/commands.h"
#include "tools/generate_text.h"
#include "tools/options/engine_options.h"
#include "tools/options/input.h"
#include "tools/options/output_file.h"
#include "tools/tune/tune_first.h"

namespace tern::tools {
namespace {

struct RunFlags {
  EngineFlags engine;
  TextFlags text;
  TuneFirstFlags tune;
  bool chat = false, no_thinking = false;
  std::string template_name, system;
};

// Adds what asks the prompt as a question; what only a text to continue can have is refused with it.
void add_chat_options(CLI::App& command, RunFlags& flags) {
  CLI::Option* chat = command.add_flag(
      "--chat", flags.chat, "Answer the prompt as a question, by the chat template; prints the answer only");
  for (const char* other : {"--ids", "--ignore-end", "--special", "--json"})
    chat->excludes(command.get_option(other));
  command.add_option("--template", flags.template_name, template_help)->needs(chat);
  command.add_option("--system", flags.system, "System text")->needs(chat);
  command.add_flag("--no-thinking", flags.no_thinking, "Give the template enable_thinking=false")
      ->needs(chat);
}

// One question, one answer. An exit code.
Expected<int> answer_once(const RunFlags& flags, const EngineLoader& load) {
  const TextFlags& text = flags.text;
  TERN_TRY(runtime::Sampler::make(text.sampling));
  runtime::Conversation conversation;
  if (!flags.system.empty()) conversation.messages.push_back({"system", flags.system, ""});
  std::string question = text.prompt;
  if (!text.prompt_file.empty()) {
    TERN_ASSIGN(question, read_text(text.prompt_file));
  }
  if (question.empty()) return Error{"--chat needs a question: -p TEXT or -f FILE"};
  conversation.messages.push_back({"user", question, ""});

  const auto start = std::chrono::steady_clock::now();
  TERN_ASSIGN(runtime::Session loaded, load());
  const double load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const runtime::Model& model = loaded.engine->model();
  TERN_ASSIGN(runtime::ChatTemplate chosen, chosen_template(flags.template_name, model));
  if (!chosen.note.empty()) print_warning(chosen.note);
  const size_t trained = model.hyperparameters.context_length;
  TERN_ASSIGN(runtime::ChatSession session,
              runtime::ChatSession::make(*loaded.engine, std::move(chosen),
                                         text.context != 0 ? text.context : std::min(trained, size_t{8192})));
  runtime::GenerateOptions options;
  options.max_tokens = text.tokens;
  options.sampling = text.sampling;
  const std::optional<bool> thinking = flags.no_thinking ? std::optional(false) : std::nullopt;
  const bool terminal = isatty(1) != 0;
  TERN_ASSIGN(const runtime::Answer answer,
              show_answer(session, conversation, thinking, options,
                          {.terminal = terminal, .stop_strings = text.stop_strings}));
  const std::string beside = loaded.end_tuning ? loaded.end_tuning() : "";
  if (text.stats) {
    print_stats(loaded, answer.generation, load_seconds);
    if (!beside.empty()) fmt::print(stderr, "beside   {}\n", beside);
  }
  return answer.generation.reason == runtime::StopReason::interrupted ? exit_interrupted : exit_ok;
}

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command = app.add_subcommand("run", "Continue a prompt with a model, or answer it");
  add_engine_options(*command, flags->engine);
  add_text_options(*command, flags->text);
  add_chat_options(*command, *flags);
  add_tune_first_option(*command, flags->tune);
  command->callback([flags, &exit_code] {
    const EngineLoader load = [&]() -> Expected<runtime::Session> {
      TERN_TRY(tune_first(flags->tune, flags->engine));
      runtime::SessionOptions options = session_options(flags->engine);
      options.tune_beside = flags->tune.background;
      return runtime::open_session(options, print_warning);
    };
    const Expected<int> code = flags->chat ? answer_once(*flags, load) : generate_text(flags->text, load);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools
