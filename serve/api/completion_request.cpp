#include "serve/api/completion_request.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "serve/api/response_format.h"

namespace tern::serve {

using nlohmann::json;

std::vector<std::vector<uint32_t>> read_texts(
    Fields& fields, std::string_view name, size_t most, const Service& service,
    const std::function<std::vector<uint32_t>(const std::string&)>& encode) {
  const size_t vocabulary = service.engine.model().hyperparameters.vocabulary_size;
  std::vector<std::vector<uint32_t>> texts;
  const auto add_ids = [&](const json& list) {
    std::vector<uint32_t> ids;
    for (const json& id : list) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= vocabulary) {
        fields.fail(name, fmt::format("{} has something that is no token id below {}", name, vocabulary));
        return;
      }
      ids.push_back(id.get<uint32_t>());
    }
    texts.push_back(std::move(ids));
  };
  const auto is_ids = [](const json& value) {
    return value.is_array() && !value.empty() && value.front().is_number();
  };
  const auto add = [&](const json& item) {
    if (item.is_string())
      texts.push_back(encode(item));
    else if (is_ids(item))
      add_ids(item);
    else
      fields.fail(name, fmt::format("{} must be a text or token ids, or a list of either", name));
  };
  const json* value = fields.find(name);
  if (value == nullptr) {
    fields.fail(name, fmt::format("{} is missing", name));
  } else if (value->is_array() && !is_ids(*value)) {
    if (value->empty() || value->size() > most)
      fields.fail(name, fmt::format("{} may have 1 to {} texts", name, most));
    else
      for (const json& item : *value) add(item);
  } else {
    add(*value);
  }
  return texts;
}

std::variant<AnswerRequest, ApiError> read_completion_request(const json& body, const Service& service,
                                                              const std::string& client) {
  std::optional<ApiError> error;
  Fields fields(body, "", error);
  AnswerOptions options = read_answer_options(fields, error, service);
  options.max_tokens = static_cast<size_t>(fields.integer("max_tokens", 1, INT32_MAX).value_or(16));
  const std::optional<int64_t> top = fields.integer("logprobs", 0, 5);
  options.choice.logprobs = top.has_value();
  options.choice.top_logprobs = static_cast<size_t>(top.value_or(0));
  const std::vector<std::vector<uint32_t>> prompts = read_texts(
      fields, "prompt", service.limits.choices, service,
      [&](const std::string& text) { return service.engine.tokenizer().encode_from_beginning(text, false); });
  if (prompts.size() * options.n > service.limits.choices)
    fields.fail("n", fmt::format("a request may have {} answers at most", service.limits.choices));
  options.choice.grammar = read_response_format(fields, error, service);
  fields.only("echo", false);
  fields.only("suffix", "");
  fields.only("best_of", options.n);
  fields.finish();
  if (error) return *error;
  AnswerRequest request;
  request.stream = options.stream;
  request.include_usage = options.include_usage;
  request.seed = options.choice.sampling.seed;
  request.choices_per_prompt = options.n;
  for (const std::vector<uint32_t>& prompt : prompts) {
    if (auto problem = add_jobs(request, options, prompt, service, client)) return *problem;
  }
  return request;
}

}  // namespace tern::serve
