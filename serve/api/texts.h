// Requests about texts and tokens, and about the server, that need no step of the model.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <variant>

#include "serve/api/service.h"

namespace tern::serve {

using ReplyOrError = std::variant<Reply, ApiError>;

// {"content": text, "parse_special": false, "add_special": false} -> {"tokens": [id, ...], "count": n}
ReplyOrError tokenize(const nlohmann::json& body, const Service& service);
// {"tokens": [id, ...]} -> {"content": text}; U+FFFD for bytes that are no UTF-8.
ReplyOrError detokenize(const nlohmann::json& body, const Service& service);
// {"messages": [...], "chat_template_kwargs": {...}} -> {"prompt": text, "tokens": [id, ...]}
ReplyOrError apply_template(const nlohmann::json& body, const Service& service);
// The list of the one model, and an entry of it.
Reply list_models(const Service& service);
ReplyOrError show_model(const std::string& name, const Service& service);
// What is served, and with which limits.
Reply show_props(const Service& service);
// Counts in Prometheus' text format 0.0.4.
Reply show_metrics(const Service& service);

// /v1/embeddings: the vectors of texts, whose tokens are as `tern embed` makes them.
Cancel embed_texts(Service& service, const nlohmann::json& body, const std::string& client, Outlet outlet);

}  // namespace tern::serve
