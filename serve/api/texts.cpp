#include "serve/api/texts.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/text/stream_decoder.h"
#include "serve/api/chat_request.h"
#include "serve/api/completion_request.h"
#include "serve/api/json_text.h"

namespace tern::serve {
namespace {

using nlohmann::json;

json model_json(const Service& service) {
  return {{"id", service.model},
          {"object", "model"},
          {"created", 0},
          {"owned_by", "tern"},
          {"context_length", service.worker.options().context}};
}

}  // namespace

ReplyOrError tokenize(const json& body, const Service& service) {
  std::optional<ApiError> error;
  Fields fields(body, "", error);
  fields.ignore({"model"});
  if (fields.find("content") == nullptr) fields.fail("content", "content is missing");
  const std::string text = fields.text("content");
  const bool parse_special = fields.boolean("parse_special", false);
  const bool add_special = fields.boolean("add_special", false);
  fields.finish();
  if (error) return *error;
  const runtime::Tokenizer& tokenizer = service.engine.tokenizer();
  const std::vector<uint32_t> ids = add_special ? tokenizer.encode_from_beginning(text, parse_special)
                                                : tokenizer.encode(text, parse_special);
  return Reply{.body = json_text({{"tokens", ids}, {"count", ids.size()}})};
}

ReplyOrError detokenize(const json& body, const Service& service) {
  std::optional<ApiError> error;
  Fields fields(body, "", error);
  fields.ignore({"model"});
  std::vector<uint32_t> ids;
  const json* list = fields.find("tokens");
  if (list == nullptr || !list->is_array()) fields.fail("tokens", "tokens must be a list of token ids");
  if (!error) {
    for (const json& id : *list) {
      const bool is_id = id.is_number_unsigned() && id.get<uint64_t>() < service.engine.tokenizer().size();
      if (is_id)
        ids.push_back(id.get<uint32_t>());
      else
        fields.fail("tokens", "tokens has something that is no id of the vocabulary");
    }
  }
  fields.finish();
  if (error) return *error;
  return Reply{.body = json_text({{"content", service.engine.tokenizer().decode(ids)}})};
}

ReplyOrError apply_template(const json& body, const Service& service) {
  std::optional<ApiError> error;
  Fields fields(body, "", error);
  fields.ignore({"model"});
  const runtime::Conversation conversation = read_messages(fields);
  const std::optional<bool> thinking = read_thinking(fields, error);
  fields.finish();
  if (error) return *error;
  const Expected<ChatPrompt> prompt = chat_prompt(service, conversation, thinking);
  if (!prompt) return api_error(prompt.error());
  return Reply{.body = json_text({{"prompt", prompt->text}, {"tokens", prompt->tokens}})};
}

Reply list_models(const Service& service) {
  return {.body = json_text({{"object", "list"}, {"data", json::array({model_json(service)})}})};
}

ReplyOrError show_model(const std::string& name, const Service& service) {
  if (name == service.model) return Reply{.body = json_text(model_json(service))};
  ApiError error;
  error.status = 404;
  error.message = fmt::format("there is no model '{}' here; it is '{}'", name, service.model);
  error.code = "model_not_found";
  return error;
}

Reply show_props(const Service& service) {
  const SchedulerOptions& options = service.worker.options();
  const runtime::Hyperparameters& model = service.engine.model().hyperparameters;
  return {.body = json_text({{"model", service.model},
                             {"version", service.version},
                             {"system_fingerprint", service.fingerprint},
                             {"context", options.context},
                             {"max_sequences", options.max_sequences},
                             {"max_waiting", options.max_waiting},
                             {"max_wait_seconds", options.max_wait_seconds},
                             {"latency_target", options.latency_target},
                             {"reuse_prefixes", options.reuse_prefixes},
                             {"vocabulary", model.vocabulary_size},
                             {"trained_context", model.context_length},
                             {"chat_template", service.chat ? service.chat->origin : std::string()},
                             {"limits",
                              {{"choices", service.limits.choices},
                               {"stop_strings", service.limits.stop_strings},
                               {"json_depth", service.limits.json_depth}}}})};
}

namespace {

// The vectors of one request, while they are computed.
struct Vectors {
  Service& service;
  Outlet outlet;
  bool base64 = false;
  std::vector<std::vector<float>> vectors;
  size_t open = 0, tokens = 0;
  std::vector<RequestId> ids;
  bool ended = false;
};

std::string base64_of(std::span<const std::byte> bytes) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < count ? static_cast<uint32_t>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) text += j <= count ? digits[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

void finish(Vectors& vectors) {
  json data = json::array();
  for (size_t i = 0; i < vectors.vectors.size(); ++i) {
    const std::vector<float>& vector = vectors.vectors[i];
    data.push_back(
        {{"object", "embedding"},
         {"index", i},
         {"embedding", vectors.base64 ? json(base64_of(std::as_bytes(std::span(vector)))) : json(vector)}});
  }
  vectors.outlet.reply(
      {.body =
           json_text({{"object", "list"},
                      {"data", std::move(data)},
                      {"model", vectors.service.model},
                      {"usage", {{"prompt_tokens", vectors.tokens}, {"total_tokens", vectors.tokens}}}})});
}

void end(Vectors& vectors) {
  if (vectors.ended) return;
  vectors.ended = true;
  for (const RequestId id : vectors.ids) vectors.service.worker.cancel(id);
  vectors.outlet = {};
}

void take(Vectors& vectors, size_t index, const AnswerEvent& event) {
  if (vectors.ended) return;
  if (event.kind == EventKind::finished) {
    vectors.vectors[index] = event.vector;
    if (--vectors.open > 0) return;
    finish(vectors);
  } else {
    const ApiError error = event.refusal ? api_error(*event.refusal) : api_error(event.error);
    vectors.outlet.reply(error_reply(error));
  }
  end(vectors);
}

}  // namespace

Cancel embed_texts(Service& service, const json& body, const std::string& client, Outlet outlet) {
  std::optional<ApiError> error;
  Fields fields(body, "", error);
  const runtime::Engine& engine = service.engine;
  const std::string model = fields.text("model");
  if (!model.empty() && model != service.model) {
    fields.fail("model", fmt::format("there is no model '{}' here; it is '{}'", model, service.model),
                "model_not_found");
    if (error && error->code == "model_not_found") error->status = 404;
  }
  const runtime::Vocabulary& vocabulary = engine.model().vocabulary;
  const std::vector<std::vector<uint32_t>> texts =
      read_texts(fields, "input", 256, service, [&](const std::string& text) {
        std::vector<uint32_t> ids = engine.tokenizer().encode_from_beginning(text, false);
        if (vocabulary.end_of_text && vocabulary.add_end_of_text.value_or(true))
          ids.push_back(*vocabulary.end_of_text);
        return ids;
      });
  const std::string format = fields.text("encoding_format");
  if (!format.empty() && format != "float" && format != "base64")
    fields.fail("encoding_format", "encoding_format must be float or base64");
  fields.only("dimensions", engine.model().hyperparameters.embedding_length);
  fields.ignore({"user"});
  for (const std::vector<uint32_t>& text : texts) {
    if (text.empty() || text.size() > service.worker.options().context)
      fields.fail("input", fmt::format("a text must have 1 to {} tokens, not {}",
                                       service.worker.options().context, text.size()));
  }
  fields.finish();
  if (error) {
    outlet.reply(error_reply(*error));
    return {};
  }
  auto vectors = std::make_shared<Vectors>(Vectors{service, std::move(outlet), format == "base64"});
  vectors->vectors.resize(texts.size());
  vectors->open = texts.size();
  for (size_t i = 0; i < texts.size(); ++i) {
    vectors->tokens += texts[i].size();
    Job job{.client = client, .prompt = texts[i]};
    job.pooling = engine.model().hyperparameters.pooling;
    vectors->ids.push_back(service.worker.submit(std::move(job), [vectors, i](AnswerEvent event) {
      vectors->service.post([vectors, i, moved = std::move(event)] { take(*vectors, i, moved); });
    }));
  }
  return [vectors] { end(*vectors); };
}

}  // namespace tern::serve
