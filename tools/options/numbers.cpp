#include "tools/options/numbers.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <limits>
#include <optional>
#include <random>

namespace tern::tools {
namespace {

constexpr uint64_t most_tokens = uint64_t{1} << 32;

// The whole text as a number from 0 to `most`; nothing if it is none.
std::optional<uint64_t> number(const std::string& text, uint64_t most) {
  uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

}  // namespace

void refuse_negative_numbers(CLI::App& command) {
  const CLI::Validator has_no_sign(
      [](std::string& text) {
        return text.starts_with('-') ? fmt::format("{} is below 0", text) : std::string();
      },
      "");
  for (CLI::Option* option : command.get_options()) {
    if (option->get_type_name().starts_with("UINT")) option->check(has_no_sign);
  }
  for (CLI::App* subcommand : command.get_subcommands({})) refuse_negative_numbers(*subcommand);
}

void add_token_count(CLI::App& command, size_t& tokens, const std::string& help) {
  const auto set = [&tokens](const std::string& text) {
    const std::optional<uint64_t> value = text == "-1" ? most_tokens : number(text, most_tokens);
    if (!value)
      throw CLI::ValidationError("-n",
                                 fmt::format("{} is no number from 0 to {}, nor -1", text, most_tokens));
    tokens = static_cast<size_t>(*value);
  };
  command
      .add_option_function<std::string>("-n,--tokens", set,
                                        help + "; -1: until the text ends or the context is full")
      ->type_name(fmt::format("INT={}", tokens));
}

void add_seed(CLI::App& command, uint64_t& seed) {
  const auto set = [&seed](const std::string& text) {
    constexpr uint64_t most = std::numeric_limits<uint64_t>::max();
    if (text == "-1") {
      std::random_device random;
      seed = uint64_t{random()} << 32 | random();
      fmt::print(stderr, "tern: the seed is {}\n", seed);
      return;
    }
    const std::optional<uint64_t> value = number(text, most);
    if (!value)
      throw CLI::ValidationError("--seed", fmt::format("{} is no number from 0 to {}, nor -1", text, most));
    seed = *value;
  };
  command
      .add_option_function<std::string>("--seed", set,
                                        "Seed of the random choices; -1: a random one, which is then shown")
      ->type_name(fmt::format("INT={}", seed));
}

}  // namespace tern::tools
