#include "serve/api/answer_request.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <random>

namespace tern::serve {

using nlohmann::json;

std::vector<std::string> read_stop_strings(Fields& fields, std::string_view name, const ApiLimits& limits) {
  std::vector<std::string> strings;
  const json* value = fields.find(name);
  if (value == nullptr) return strings;
  const auto add = [&](const json& item) {
    if (!item.is_string())
      fields.fail(name, fmt::format("{} must be a string or a list of strings", name));
    else if (item.get_ref<const std::string&>().empty() || item.get_ref<const std::string&>().size() > 256)
      fields.fail(name, fmt::format("a string of {} must have 1 to 256 bytes", name));
    else
      strings.push_back(item);
  };
  if (!value->is_array()) {
    add(*value);
    return strings;
  }
  if (value->size() > limits.stop_strings)
    fields.fail(name, fmt::format("{} may have at most {} strings", name, limits.stop_strings));
  else
    for (const json& item : *value) add(item);
  return strings;
}

namespace {

std::map<uint32_t, float> read_bias(Fields& fields, size_t vocabulary) {
  std::map<uint32_t, float> bias;
  const json* value = fields.find("logit_bias");
  if (value == nullptr) return bias;
  if (!value->is_object()) {
    fields.fail("logit_bias", "logit_bias must be an object of numbers by token id");
    return bias;
  }
  for (const auto& [name, amount] : value->items()) {
    uint32_t token = 0;
    const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), token);
    const bool is_token = problem == std::errc() && end == name.data() + name.size() && token < vocabulary;
    const bool is_amount = amount.is_number() && std::abs(amount.get<double>()) <= 100;
    if (!is_token || !is_amount) {
      fields.fail("logit_bias", fmt::format("logit_bias has '{}', but its names must be token ids below {} "
                                            "and its values numbers from -100 to 100",
                                            name, vocabulary));
      return bias;
    }
    bias[token] = amount.get<float>();
  }
  return bias;
}

uint64_t random_seed() {
  static std::random_device device;
  return device() % (uint64_t{1} << 31);
}

}  // namespace

AnswerOptions read_answer_options(Fields& fields, std::optional<ApiError>& error, const Service& service) {
  AnswerOptions options;
  const std::string model = fields.text("model");
  if (!model.empty() && model != service.model) {
    fields.fail("model", fmt::format("there is no model '{}' here; it is '{}'", model, service.model),
                "model_not_found");
    if (error && error->code == "model_not_found") error->status = 404;
  }
  runtime::SamplerOptions& sampling = options.choice.sampling;
  sampling.temperature = static_cast<float>(fields.number("temperature", 0, 100).value_or(1));
  sampling.top_p = static_cast<float>(fields.number("top_p", 0, 1).value_or(1));
  if (sampling.top_p == 0) sampling.top_p = 1e-9f;  // the likeliest token alone
  sampling.top_k = static_cast<uint32_t>(fields.integer("top_k", 0, INT32_MAX).value_or(0));
  sampling.min_p = static_cast<float>(fields.number("min_p", 0, 1).value_or(0));
  sampling.repetition_penalty =
      static_cast<float>(fields.number("repetition_penalty", 0.01, 100).value_or(1));
  const std::optional<int64_t> seed = fields.integer("seed", INT64_MIN, INT64_MAX);
  sampling.seed = seed ? static_cast<uint64_t>(*seed) : random_seed();
  options.choice.presence_penalty = static_cast<float>(fields.number("presence_penalty", -2, 2).value_or(0));
  options.choice.frequency_penalty =
      static_cast<float>(fields.number("frequency_penalty", -2, 2).value_or(0));
  options.choice.bias = read_bias(fields, service.engine.model().hyperparameters.vocabulary_size);
  options.text.stop_strings = read_stop_strings(fields, "stop", service.limits);
  options.n =
      static_cast<size_t>(fields.integer("n", 1, static_cast<int64_t>(service.limits.choices)).value_or(1));
  options.stream = fields.boolean("stream", false);
  if (const json* stream_options = fields.find("stream_options")) {
    Fields inner(*stream_options, "stream_options.", error);
    options.include_usage = inner.boolean("include_usage", false);
    inner.ignore({"include_obfuscation"});
    inner.finish();
  }
  fields.ignore({"user", "metadata", "service_tier", "safety_identifier", "prompt_cache_key",
                 "prompt_cache_retention", "store"});
  return options;
}

std::optional<ApiError> add_jobs(AnswerRequest& request, const AnswerOptions& options,
                                 std::vector<uint32_t> prompt, const Service& service,
                                 const std::string& client) {
  ApiError error;
  const size_t context = service.worker.options().context;
  if (prompt.empty()) {
    error.message = "the prompt has no tokens";
    return error;
  }
  if (prompt.size() >= context) {
    error.message = fmt::format("the prompt has {} tokens, and the context is {} tokens with the answer",
                                prompt.size(), context);
    error.code = "context_length_exceeded";
    return error;
  }
  for (size_t i = 0; i < options.n; ++i) {
    Job job;
    job.client = client;
    job.prompt = prompt;
    job.max_tokens = std::min(options.max_tokens.value_or(SIZE_MAX), context - prompt.size());
    job.choice = options.choice;
    job.choice.sampling.seed += i;
    job.text = options.text;
    request.jobs.push_back(std::move(job));
  }
  return std::nullopt;
}

}  // namespace tern::serve
