#include "serve/api/chat_request.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/chat/thinking.h"
#include "serve/api/json_text.h"
#include "serve/api/response_format.h"

namespace tern::serve {
namespace {

using nlohmann::json;

// The text of a content; parts are joined as they stand.
json plain_content(Fields& fields, const json& content, const std::string& where) {
  if (content.is_string() || content.is_null()) return content;
  std::string text;
  if (!content.is_array()) {
    fields.fail("messages", fmt::format("{}.content must be a string or a list of parts", where));
    return text;
  }
  for (const json& part : content) {
    const bool is_text =
        part.is_object() && part.value("type", json()) == "text" && part.value("text", json()).is_string();
    if (!is_text) {
      fields.fail("messages", fmt::format("{}.content may have parts of type 'text' alone", where));
      return text;
    }
    text += part.at("text").get_ref<const std::string&>();
  }
  return text;
}

void plain_tool_calls(json& message) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end() || !calls->is_array()) return;
  for (json& call : *calls) {
    if (!call.is_object() || !call.contains("function") || !call["function"].is_object()) continue;
    json& function = call["function"];
    if (!function.contains("arguments") || !function["arguments"].is_string()) continue;
    json arguments = json::parse(function["arguments"].get_ref<const std::string&>(), nullptr, false);
    if (arguments.is_object()) function["arguments"] = std::move(arguments);
  }
}

}  // namespace

std::optional<bool> read_thinking(Fields& fields, std::optional<ApiError>& error) {
  std::optional<bool> thinking;
  if (const json* kwargs = fields.find("chat_template_kwargs")) {
    Fields inner(*kwargs, "chat_template_kwargs.", error);
    if (inner.find("enable_thinking") != nullptr) thinking = inner.boolean("enable_thinking", true);
    inner.finish();
  }
  return thinking;
}

runtime::Conversation read_messages(Fields& fields) {
  const json* list = fields.find("messages");
  if (list == nullptr || !list->is_array() || list->empty()) {
    fields.fail("messages", "messages must be a list of at least one message");
    return {};
  }
  json plain = json::array();
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string where = fmt::format("messages[{}]", i);
    json message = (*list)[i];
    if (!message.is_object() || !message.value("role", json()).is_string()) {
      fields.fail("messages", fmt::format("{} must be an object with a role", where));
      return {};
    }
    if (message.contains("content")) message["content"] = plain_content(fields, message["content"], where);
    if (message["role"] == "developer") message["role"] = "system";
    plain_tool_calls(message);
    for (const char* silent : {"refusal", "audio", "annotations", "function_call"}) {
      if (message.contains(silent) && message[silent].is_null()) message.erase(silent);
    }
    plain.push_back(std::move(message));
  }
  Expected<runtime::Conversation> read = runtime::parse_conversation(json_text({{"messages", plain}}));
  if (!read) {
    fields.fail("messages", read.error().message);
    return {};
  }
  return read.take();
}

Expected<ChatPrompt> chat_prompt(const Service& service, const runtime::Conversation& conversation,
                                 std::optional<bool> thinking) {
  if (!service.chat) return Error{service.no_chat};
  runtime::ChatOptions options;
  options.thinking = thinking;
  const std::time_t now = std::time(nullptr);
  gmtime_r(&now, &options.now);
  TERN_ASSIGN(const runtime::RenderedChat rendered,
              runtime::render_chat(*service.chat, conversation, service.engine.model().vocabulary,
                                   service.engine.tokenizer(), options));
  return ChatPrompt{rendered.text, runtime::chat_tokens(rendered, service.engine.tokenizer())};
}

std::variant<AnswerRequest, ApiError> read_chat_request(const json& body, const Service& service,
                                                        const std::string& client) {
  std::optional<ApiError> error;
  Fields fields(body, "", error);
  AnswerOptions options = read_answer_options(fields, error, service);
  const std::optional<int64_t> most = fields.integer("max_tokens", 1, INT32_MAX);
  const std::optional<int64_t> most_completion = fields.integer("max_completion_tokens", 1, INT32_MAX);
  if (most || most_completion)
    options.max_tokens = static_cast<size_t>(most_completion ? *most_completion : *most);
  options.choice.logprobs = fields.boolean("logprobs", false);
  const std::optional<int64_t> top = fields.integer("top_logprobs", 0, 20);
  if (top && !options.choice.logprobs) fields.fail("top_logprobs", "top_logprobs needs logprobs to be true");
  options.choice.top_logprobs = static_cast<size_t>(top.value_or(0));
  const runtime::Conversation conversation = read_messages(fields);
  const std::optional<bool> thinking = read_thinking(fields, error);
  options.choice.grammar = read_response_format(fields, error, service);
  fields.only("tools", json::array());
  fields.only("tool_choice", "none");
  fields.only("modalities", json::array({"text"}));
  fields.ignore({"parallel_tool_calls"});  // there are none
  fields.finish();
  if (error) return *error;
  Expected<ChatPrompt> prompt = chat_prompt(service, conversation, thinking);
  if (!prompt) {
    error = api_error(prompt.error());
    error->param = "messages";
    return *error;
  }
  options.text.splits_thoughts = options.choice.grammar == nullptr;
  options.text.begins_inside_thought = runtime::opens_thought(prompt->text);
  AnswerRequest request;
  request.stream = options.stream;
  request.include_usage = options.include_usage;
  request.seed = options.choice.sampling.seed;
  request.choices_per_prompt = options.n;
  if (auto problem = add_jobs(request, options, std::move(prompt->tokens), service, client)) return *problem;
  return request;
}

}  // namespace tern::serve
