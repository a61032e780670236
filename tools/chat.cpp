// tern chat: talking with a model.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/atomic_file.h"
#include "runtime/chat/chat_session.h"
#include "tools/chat/chat_commands.h"
#include "tools/chat/chat_history.h"
#include "tools/chat/chat_prompt.h"
#include "tools/chat/show_answer.h"
#include "tools/commands.h"
#include "tools/generate_text.h"
#include "tools/options/engine_options.h"
#include "tools/options/input.h"
#include "tools/options/numbers.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"
#include "tools/options/terminal_text.h"

namespace tern::tools {
namespace {

struct ChatFlags {
  EngineFlags engine;
  std::string template_name, system;
  size_t tokens = 1024, context = 0;
  std::vector<std::string> stop_strings;
  runtime::SamplerOptions sampling;
  bool no_thinking = false, hide_thinking = false, no_history = false;
};

// The largest conversation that /load reads.
constexpr uintmax_t most_file_bytes = uintmax_t{64} << 20;

class Chat {
 public:
  Chat(const ChatFlags& flags, runtime::ChatSession session)
      : flags_(flags),
        session_(std::move(session)),
        terminal_(isatty(0) != 0 && isatty(1) != 0),
        prompt_(terminal_, flags.no_history ? "" : chat_history_path()) {
    if (flags.no_thinking) thinking_ = false;
    set_system(flags.system);
  }

  Expected<int> run() {
    while (!leaving_) {
      const TypedLine entry = prompt_.next();
      if (entry.kind == TypedLine::Kind::end) break;
      if (entry.text.find_first_not_of(" \t\r\n") == entry.text.npos) continue;
      const Status done = act(entry.text);
      if (done) continue;
      // At a terminal the user may mend it; a script must hear of it.
      if (!terminal_) return done.error();
      report(done.error());
    }
    if (terminal_) fmt::print("\n");
    return exit_ok;
  }

 private:
  Status act(const std::string& entry) {
    const std::optional<ChatCommand> command = parse_chat_command(entry);
    if (!command) {
      conversation_.messages.push_back({"user", entry, ""});
      const Status answered = answer();
      if (!answered) conversation_.messages.pop_back();
      return answered;
    }
    const std::string& name = command->name;
    if (name == "help") {
      fmt::print("{}", chat_help());
    } else if (name == "quit" || name == "exit") {
      leaving_ = true;
    } else if (name == "system") {
      set_system(command->argument);
    } else if (name == "reset") {
      const bool has_system = !conversation_.messages.empty() && conversation_.messages[0].role == "system";
      conversation_.messages.resize(has_system ? 1 : 0);
    } else if (name == "save") {
      return save(command->argument);
    } else if (name == "load") {
      return load(command->argument);
    } else if (name == "stats") {
      print_stats();
    } else if (name == "regenerate") {
      return regenerate();
    } else if (name == "think" && (command->argument == "on" || command->argument == "off")) {
      thinking_ = command->argument == "on";
    } else {
      return Error{fmt::format("'/{}' is no command, or lacks what follows it; /help lists them", name)};
    }
    return {};
  }

  void set_system(const std::string& text) {
    conversation_.messages.clear();
    if (!text.empty()) conversation_.messages.push_back({"system", text, ""});
  }

  Status regenerate() {
    auto& messages = conversation_.messages;
    if (messages.empty() || messages.back().role != "assistant")
      return Error{"there is no answer yet to generate again"};
    const runtime::Message old = messages.back();
    messages.pop_back();
    ++flags_.sampling.seed;  // else the same answer would come
    const Status answered = answer();
    if (!answered) messages.push_back(old);
    return answered;
  }

  Status answer() {
    runtime::GenerateOptions options;
    options.max_tokens = flags_.tokens;
    options.sampling = flags_.sampling;
    options.on_prompt = [](size_t) { return !interrupted(); };
    const AnswerLook look = {isatty(1) != 0, flags_.hide_thinking, terminal_, flags_.stop_strings};
    Expected<runtime::Answer> answer = show_answer(session_, conversation_, thinking_, options, look);
    if (!answer) return answer.error();
    if (answer->generation.reason == runtime::StopReason::context_full)
      fmt::print(stderr, "tern: /reset forgets the conversation\n");
    conversation_.messages.push_back(answer->message);
    last_ = answer.take();
    return {};
  }

  Status save(const std::string& argument) {
    if (argument.empty()) return Error{"/save needs the name of a file"};
    const std::string path = with_home(argument);
    TERN_ASSIGN(const std::string text, conversation_text(conversation_));
    TERN_ASSIGN(AtomicFile file, AtomicFile::create(path));
    TERN_TRY(file.write(std::as_bytes(std::span(text))));
    TERN_TRY(file.commit());
    tell(fmt::format("{} messages written to {}", conversation_.messages.size(), path));
    return {};
  }

  // The conversation is the file's, or, if that cannot be read, what it was.
  Status load(const std::string& argument) {
    if (argument.empty()) return Error{"/load needs the name of a file"};
    const std::string path = with_home(argument);
    std::error_code problem;
    // Devices and FIFOs may have no end.
    if (std::filesystem::exists(path, problem) && !std::filesystem::is_directory(path, problem)) {
      if (!std::filesystem::is_regular_file(path, problem)) return Error{"is no regular file", {path}};
      if (std::filesystem::file_size(path, problem) > most_file_bytes)
        return Error{fmt::format("is no conversation: it has more than {} bytes", most_file_bytes), {path}};
    }
    TERN_ASSIGN(const std::string text, read_text(path == "-" ? "./-" : path));
    Expected<runtime::Conversation> read = runtime::parse_conversation(text);
    if (!read) {
      Error error = read.error();
      error.where.file = path;
      return error;
    }
    conversation_ = read.take();
    tell(fmt::format("{} messages read from {}", conversation_.messages.size(), path));
    return {};
  }

  // Says that a command has done something, to who sits at a terminal.
  void tell(const std::string& text) const {
    if (terminal_) fmt::print(stderr, "tern: {}\n", terminal_text(text));
  }

  void print_stats() const {
    const runtime::Generation& last = last_.generation;
    const auto rate = [](size_t count, double seconds) {
      return seconds > 0 ? static_cast<double>(count) / seconds : 0.0;
    };
    fmt::print(stderr, "context  {} of {} tokens\n", session_.length(), session_.context());
    fmt::print(stderr, "prompt   {} tokens computed, {} kept; {:.1f} tokens/s\n", last.prompt_tokens,
               last_.reused_tokens, rate(last.prompt_tokens, last.prefill_seconds));
    fmt::print(stderr, "answer   {} tokens; {:.1f} tokens/s\n", last.tokens.size(),
               rate(last.decode_steps, last.decode_seconds));
  }

  ChatFlags flags_;
  runtime::ChatSession session_;
  bool terminal_;
  ChatPrompt prompt_;
  runtime::Conversation conversation_;
  std::optional<bool> thinking_;
  runtime::Answer last_;
  bool leaving_ = false;
};

Expected<int> chat(const ChatFlags& flags) {
  TERN_TRY(runtime::Sampler::make(flags.sampling));
  TERN_ASSIGN(runtime::Session loaded, load_engine(flags.engine));
  const runtime::Model& model = loaded.engine->model();
  TERN_ASSIGN(runtime::ChatTemplate chosen, chosen_template(flags.template_name, model));
  if (!chosen.note.empty()) print_warning(chosen.note);
  const size_t trained = model.hyperparameters.context_length;
  const size_t context = flags.context != 0 ? flags.context : std::min(trained, size_t{8192});
  TERN_ASSIGN(runtime::ChatSession session,
              runtime::ChatSession::make(*loaded.engine, std::move(chosen), context));
  return Chat(flags, std::move(session)).run();
}

}  // namespace

void add_chat(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<ChatFlags>();
  flags->sampling.temperature = 0.7f;
  CLI::App* command = app.add_subcommand("chat", "Talk with a model");
  add_engine_options(*command, flags->engine);
  command->add_option("--template", flags->template_name, template_help);
  command->add_option("--system", flags->system, "System text");
  add_token_count(*command, flags->tokens, "Most tokens of an answer");
  command->add_option("-c,--context", flags->context, "Tokens of context (default: the model's, up to 8192)")
      ->check(CLI::Range(1, 1 << 24));
  command->add_option("--temp", flags->sampling.temperature, "Temperature; 0 takes the likeliest token")
      ->capture_default_str();
  command->add_option("--top-k", flags->sampling.top_k, "Keep the k likeliest tokens; 0: all")
      ->capture_default_str();
  command
      ->add_option("--top-p", flags->sampling.top_p, "Keep the likeliest tokens of this probability in all")
      ->capture_default_str();
  add_seed(*command, flags->sampling.seed);
  add_stop_option(*command, flags->stop_strings);
  command->add_flag("--no-thinking", flags->no_thinking, "Give the template enable_thinking=false");
  command->add_flag("--hide-thinking", flags->hide_thinking, "Show the answer alone");
  command->add_flag("--no-history", flags->no_history,
                    "Do not keep what is typed in ~/.local/state/tern/chat_history");
  command->callback([flags, &exit_code] {
    const Expected<int> code = chat(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools
