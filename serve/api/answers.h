// The answers to one request, while they arrive.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "serve/api/answer_request.h"
#include "serve/api/service.h"

namespace tern::serve {

struct AnswerChoice {
  std::string content, thought;
  std::vector<ChosenToken> tokens;  // if probabilities are asked for
  size_t prompt_tokens = 0, generated_tokens = 0, reused_tokens = 0;
  runtime::StopReason reason = runtime::StopReason::max_tokens;
  std::string stop_string;
  bool began = false, finished = false;
};

struct Answers;

// How answers are written: the functions of one API. Pieces are whole server-sent events, or nothing.
struct Protocol {
  std::string (*whole)(const Answers& answers);
  // What an event of a choice adds to a stream. The choice holds the event already; `first` if it is the
  // first of this choice.
  std::string (*piece)(Answers& answers, size_t choice, const AnswerEvent& event, bool first);
  std::string (*end)(const Answers& answers);
  std::string (*failure)(const ApiError& error);
};

struct Answers {
  Service& service;
  const Protocol& protocol;
  AnswerRequest request;
  std::string id;
  std::time_t created = 0;
  std::vector<AnswerChoice> choices;
  Outlet outlet;
  std::vector<RequestId> ids;  // of the jobs
  size_t open = 0;             // choices that are not finished
  bool streaming = false, ended = false;
};

// Tokens of a request's prompts, answers, and of the prompts the ones that were at hand.
struct Usage {
  size_t prompt = 0, generated = 0, reused = 0;
};
Usage usage_of(const Answers& answers);

// Submits the jobs of a request. `id_prefix` begins the id of the answer, such as "chatcmpl-".
Cancel start(Service& service, AnswerRequest request, const Protocol& protocol, const std::string& id_prefix,
             Outlet outlet);

extern const Protocol chat_protocol, completion_protocol;

}  // namespace tern::serve
