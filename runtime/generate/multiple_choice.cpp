#include "runtime/generate/multiple_choice.h"

#include <algorithm>
#include <cassert>

namespace tern::runtime {

Picks pick(std::span<const Choice> choices, std::span<const double> log_probabilities) {
  assert(choices.size() == log_probabilities.size());
  std::vector<double> by_length;
  for (size_t i = 0; i < choices.size(); ++i)
    by_length.push_back(log_probabilities[i] / static_cast<double>(choices[i].characters));
  return {static_cast<size_t>(std::ranges::max_element(log_probabilities) - log_probabilities.begin()),
          static_cast<size_t>(std::ranges::max_element(by_length) - by_length.begin())};
}

size_t count_characters(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace tern::runtime
