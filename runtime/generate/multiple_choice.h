// Multiple choice as EleutherAI's lm-evaluation-harness scores it: lm_eval/api/task.py, process_results of
// output type multiple_choice.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tern::runtime {

// One answer that could be given: how likely is `continuation` after `context`?
struct Choice {
  std::string context, continuation;
  size_t characters = 0;  // Unicode characters of the choice, without what joins it to the context
};

struct Question {
  std::vector<Choice> choices;  // at least one
  size_t answer = 0;            // the index of the right one
};

// The choices that two rules pick, the first where several are equal (numpy.argmax): the one with the largest
// log-probability, and the one with the largest log-probability per character.
struct Picks {
  size_t likeliest = 0;
  size_t likeliest_by_length = 0;
};
Picks pick(std::span<const Choice> choices, std::span<const double> log_probabilities);

// Unicode characters of a text in UTF-8: bytes that do not continue one.
size_t count_characters(std::string_view text);

}  // namespace tern::runtime
