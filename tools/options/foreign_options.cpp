#include "tools/options/foreign_options.h"

#include <fmt/format.h>

#include <string_view>

namespace tern::tools {
namespace {

struct ForeignOption {
  std::string_view name;
  std::string_view own;     // Tern's name; empty: none
  std::string_view advice;  // why it is refused; empty: it is not
};

constexpr std::string_view no_gpu = "Tern runs on processors alone: leave it out";
constexpr std::string_view no_map =
    "weights are packed into memory of their own, and the file's pages are given back: leave it out";
constexpr std::string_view chat = "`tern chat` holds a conversation";

constexpr ForeignOption foreign_options[] = {
    {"--n-predict", "-n", ""},
    {"--predict", "-n", ""},
    {"--ctx-size", "-c", ""},
    {"--ctx_size", "-c", ""},
    {"-temp", "--temp", ""},
    {"--temperature", "--temp", ""},
    {"--file", "-f", ""},
    {"--repeat-last-n", "--repeat-window", ""},
    {"--ubatch-size", "--batch", ""},
    {"--batch-size", "--batch", ""},
    {"-ub", "--batch", ""},
    {"-sys", "--system", ""},
    {"--system-prompt", "--system", ""},
    {"--chat-template-file", "--template", ""},
    {"-s", "--seed", ""},
    {"--no-display-prompt", "--no-prompt", ""},
    {"--ignore-eos", "--ignore-end", ""},
    {"-ngl", "", no_gpu},
    {"--n-gpu-layers", "", no_gpu},
    {"--gpu-layers", "", no_gpu},
    {"-cnv", "", chat},
    {"--conversation", "", chat},
    {"-i", "", chat},
    {"--interactive", "", chat},
    {"-no-cnv", "", "`tern run` holds none: leave it out"},
    {"--no-mmap", "", no_map},
    {"--mlock", "", no_map},
    {"-fa", "", "attention is always computed by blocks: leave it out"},
    {"--flash-attn", "", "attention is always computed by blocks: leave it out"},
    {"-b", "", "--batch sets the tokens of a prompt that are computed in one step"},
};

const ForeignOption* find(std::string_view name) {
  for (const ForeignOption& option : foreign_options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

}  // namespace

Expected<std::vector<std::string>> in_own_words(const std::vector<std::string>& arguments,
                                                bool command_first) {
  const bool is_known =
      !command_first || (!arguments.empty() && (arguments[0] == "run" || arguments[0] == "chat"));
  if (!is_known) return arguments;
  std::vector<std::string> own;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const size_t equals = argument.starts_with("--") ? argument.find('=') : std::string::npos;
    const ForeignOption* option = find(std::string_view(argument).substr(0, equals));
    const bool is_value = i > 0 && (arguments[i - 1] == "-p" || arguments[i - 1] == "--prompt");
    if (!option || is_value) {
      own.push_back(argument);
      continue;
    }
    const bool asks_for_nothing =
        option->advice == no_gpu && i + 1 < arguments.size() && arguments[i + 1] == "0";
    if (asks_for_nothing) {
      ++i;
      continue;
    }
    if (!option->advice.empty())
      return Error{fmt::format("{} is no option: {}", option->name, option->advice), {}};
    own.emplace_back(option->own);
    if (equals != std::string::npos) own.push_back(argument.substr(equals + 1));
  }
  return own;
}

}  // namespace tern::tools
