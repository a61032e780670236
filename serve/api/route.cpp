// Which function answers which request.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/text/strict_json.h"
#include "serve/api/answers.h"
#include "serve/api/chat_request.h"
#include "serve/api/completion_request.h"
#include "serve/api/json_text.h"
#include "serve/api/texts.h"

namespace tern::serve {
namespace {

using nlohmann::json;

ApiError no_such_path(const ApiRequest& request) {
  ApiError error;
  error.status = 404;
  error.message = fmt::format("there is no {} {}", request.method, request.path);
  error.code = "not_found";
  return error;
}

std::optional<ReplyOrError> answer_get(const Service& service, const std::string& path) {
  if (path == "/v1/models") return list_models(service);
  if (path.starts_with("/v1/models/")) return show_model(path.substr(11), service);
  if (path == "/props") return show_props(service);
  if (path == "/metrics") return show_metrics(service);
  if (path == "/health") return Reply{.body = json_text({{"status", "ok"}})};
  if (path == "/ready") {
    if (!service.worker.draining()) return Reply{.body = json_text({{"status", "ready"}})};
    return api_error(Refusal{RefusalReason::draining, "the server is shutting down", 1});
  }
  return std::nullopt;
}

std::optional<ReplyOrError> answer_post(const Service& service, const std::string& path, const json& body) {
  if (path == "/tokenize") return tokenize(body, service);
  if (path == "/detokenize") return detokenize(body, service);
  if (path == "/apply-template") return apply_template(body, service);
  return std::nullopt;
}

void send(const Outlet& outlet, const ReplyOrError& answer) {
  if (const Reply* reply = std::get_if<Reply>(&answer))
    outlet.reply(*reply);
  else
    outlet.reply(error_reply(std::get<ApiError>(answer)));
}

// How each path reads its body as jobs, and writes their answers.
struct AnswerRoute {
  std::string_view path;
  std::variant<AnswerRequest, ApiError> (*read)(const json&, const Service&, const std::string&);
  const Protocol& protocol;
  const char* id_prefix;
};
const AnswerRoute answer_routes[] = {
    {"/v1/chat/completions", read_chat_request, chat_protocol, "chatcmpl-"},
    {"/v1/completions", read_completion_request, completion_protocol, "cmpl-"},
};

}  // namespace

Reply error_reply(const ApiError& error) {
  Reply reply;
  reply.status = error.status;
  reply.body = error_body(error);
  if (error.retry_after > 0)
    reply.headers.emplace_back("Retry-After", fmt::format("{:.0f}", std::ceil(error.retry_after)));
  return reply;
}

Cancel handle(Service& service, const ApiRequest& request, Outlet outlet) {
  if (request.method == "GET" || request.method == "HEAD") {
    const std::optional<ReplyOrError> answer = answer_get(service, request.path);
    send(outlet, answer ? *answer : ReplyOrError(no_such_path(request)));
    return {};
  }
  const auto fail = [&](const ApiError& error) {
    outlet.reply(error_reply(error));
    return Cancel();
  };
  if (request.method != "POST") return fail(no_such_path(request));
  const Expected<json> body = runtime::parse_json(request.body, "the request's body",
                                                  {.depth = service.limits.json_depth, .values = 1 << 20});
  if (!body) {
    ApiError error;
    error.message = body.error().text();
    error.code = "invalid_json";
    return fail(error);
  }
  for (const AnswerRoute& route : answer_routes) {
    if (route.path != request.path) continue;
    auto read = route.read(*body, service, request.client);
    if (const ApiError* error = std::get_if<ApiError>(&read)) return fail(*error);
    return start(service, std::move(std::get<AnswerRequest>(read)), route.protocol, route.id_prefix,
                 std::move(outlet));
  }
  if (request.path == "/v1/embeddings") return embed_texts(service, *body, request.client, std::move(outlet));
  const std::optional<ReplyOrError> answer = answer_post(service, request.path, *body);
  send(outlet, answer ? *answer : ReplyOrError(no_such_path(request)));
  return {};
}

}  // namespace tern::serve
