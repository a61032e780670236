// What the API serves, and how its answers leave it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/chat/chat_template.h"
#include "runtime/execute/engine.h"
#include "runtime/grammar/token_grammar.h"
#include "serve/answer/worker.h"
#include "serve/api/api_error.h"

namespace tern::serve {

struct ApiLimits {
  size_t choices = 16;       // n, and prompts of one request
  size_t stop_strings = 16;  // and bytes of each: 256
  size_t json_depth = 64;
  size_t grammars = 32;  // that are kept
};

// One model that is served. The API runs on one thread.
struct Service {
  const runtime::Engine& engine;
  Worker& worker;
  std::string model;                          // its name
  std::string version;                        // of this program
  std::string fingerprint;                    // of all that decides an answer besides the request
  std::optional<runtime::ChatTemplate> chat;  // of a model that talks
  std::string no_chat;                        // the reason why there is no template
  // Runs a function on the thread of the API, soon; called from any thread.
  std::function<void(std::function<void()>)> post;
  ApiLimits limits;
  // Grammars of schemas that were asked for, by their JSON, and the vocabulary as they need it.
  mutable std::shared_ptr<const runtime::TokenTree> tokens = {};
  mutable std::map<std::string, std::shared_ptr<runtime::TokenGrammar>> grammars = {};
};

struct ApiRequest {
  std::string method, path;  // the path without the query
  std::string body;
  std::string client;  // see Request
};

struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Where the answer to a request goes: either one reply(), or begin(), any number of piece() and end().
struct Outlet {
  std::function<void(Reply)> reply;
  std::function<void(const std::string& content_type)> begin;
  std::function<void(std::string)> piece;
  std::function<void()> end;
};

// Ends the work for a request whose client has gone. May be called when there is nothing left to end.
using Cancel = std::function<void()>;

// Answers a request, at once or later, on the thread of the API. The service must outlive the answer.
Cancel handle(Service& service, const ApiRequest& request, Outlet outlet);

// The reply that tells an error.
Reply error_reply(const ApiError& error);

}  // namespace tern::serve
