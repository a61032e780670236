#include "tools/chat/show_answer.h"

#include <fmt/format.h>

#include <cstdio>
#include <ctime>

#include "tools/options/input.h"
#include "tools/options/process.h"
#include "tools/options/terminal_text.h"

namespace tern::tools {
namespace {

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm broken_down = {};
  localtime_r(&now, &broken_down);
  return broken_down;
}

void explain_stop(const runtime::ChatSession& session, runtime::StopReason reason, size_t tokens) {
  switch (reason) {
    case runtime::StopReason::interrupted: fmt::print(stderr, "tern: the answer was stopped\n"); return;
    case runtime::StopReason::max_tokens:
      fmt::print(stderr, "tern: the answer has {} tokens, the most that -n allows\n", tokens);
      return;
    case runtime::StopReason::context_full:
      fmt::print(stderr, "tern: the context of {} tokens is full (-c makes it larger)\n", session.context());
      return;
    case runtime::StopReason::end_token:
    case runtime::StopReason::stop_string: return;
  }
}

}  // namespace

const char* const template_help =
    "Chat template: a file (with a . or / in its name), or chatml, llama3, falcon3, bitnet-2b4t, llama2, "
    "gemma, "
    "hunyuan (default: the model's)";

Expected<runtime::ChatTemplate> chosen_template(const std::string& name, const runtime::Model& model) {
  const Expected<std::string_view> architecture = runtime::get_string(model.file, "general.architecture");
  std::optional<std::string> source;
  if (!name.empty() && name.find_first_of("./") != name.npos) {
    TERN_ASSIGN(source, read_text(name));
  }
  return runtime::choose_template(model.vocabulary, architecture ? *architecture : "", name, source);
}

Expected<runtime::Answer> show_answer(runtime::ChatSession& session,
                                      const runtime::Conversation& conversation, std::optional<bool> thinking,
                                      const runtime::GenerateOptions& options, const AnswerLook& look) {
  runtime::ChatOptions chat;
  chat.thinking = thinking;
  chat.now = local_time();
  chat.stop_strings = look.stop_strings;
  watch_interrupts(look.survives_interrupts);
  bool dimmed = false, thought = false;
  const auto show = [&](const runtime::ThoughtPart& part) {
    if (!part.text.empty() && (!part.thought || !look.hide_thoughts)) {
      if (part.thought != thought && !part.thought) fmt::print("{}\n\n", dimmed ? "\033[0m" : "");
      if (part.thought && !thought && look.terminal) fmt::print("\033[2m");
      dimmed = part.thought && look.terminal;
      thought = part.thought;
      const std::string text = look.terminal ? terminal_text(part.text) : part.text;
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    }
    return !interrupted();
  };
  Expected<runtime::Answer> answer = session.answer(conversation, chat, options, show);
  if (dimmed) fmt::print("\033[0m");
  if (!answer) return answer.error();
  fmt::print("\n");
  std::fflush(stdout);
  explain_stop(session, answer->generation.reason, options.max_tokens);
  return answer;
}

}  // namespace tern::tools
