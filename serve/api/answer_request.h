// The parameters that chat and completions have in common.
#pragma once

#include <optional>

#include "serve/api/fields.h"
#include "serve/api/service.h"

namespace tern::serve {

struct AnswerRequest {
  std::vector<Job> jobs;  // one a choice
  bool stream = false, include_usage = false;
  uint64_t seed = 0;  // of the first choice; each next one has the next number
  size_t choices_per_prompt = 1;
};

// What the choices of one request share.
struct AnswerOptions {
  ChoiceOptions choice;
  TextOptions text;
  std::optional<size_t> max_tokens;
  size_t n = 1;
  bool stream = false, include_usage = false;
};

// Reads model, temperature, top_p, top_k, min_p, repetition_penalty, seed, presence_penalty,
// frequency_penalty, logit_bias, stop, n, stream, stream_options and what is ignored in all. A request
// without a seed gets one by chance, which the answer tells. Errors go to `fields`.
AnswerOptions read_answer_options(Fields& fields, std::optional<ApiError>& error, const Service& service);

// Strings that end an answer: one, or a list.
std::vector<std::string> read_stop_strings(Fields& fields, std::string_view name, const ApiLimits& limits);

// Adds the n jobs of a prompt. An answer is as long as the context allows, and at most max_tokens. Errors: an
// empty prompt; one that leaves no room in the context.
std::optional<ApiError> add_jobs(AnswerRequest& request, const AnswerOptions& options,
                                 std::vector<uint32_t> prompt, const Service& service,
                                 const std::string& client);

}  // namespace tern::serve
