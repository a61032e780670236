// What is asked of the engine, and what it says.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/expected.h"
#include "runtime/chat/thinking.h"
#include "runtime/generate/generate.h"
#include "runtime/graph/hyperparameters.h"
#include "serve/answer/answer_text.h"
#include "serve/answer/token_chooser.h"
#include "serve/scheduler/scheduler.h"

namespace tern::serve {

// One answer, or one vector.
struct Job {
  std::string client;            // see Request
  std::vector<uint32_t> prompt;  // not empty; ids of the vocabulary
  size_t max_tokens = 1;         // at least 1
  ChoiceOptions choice;
  TextOptions text;
  // Instead of an answer, the vector of the prompt: see runtime/generate/embed.h.
  std::optional<runtime::Pooling> pooling;
};

enum class EventKind {
  token,     // one more token; its text may come with a later event
  finished,  // the last event of a job that went well
  refused,   // not accepted, or given up before it began; the last event
  failed     // the last event
};

struct AnswerEvent {
  EventKind kind = EventKind::token;
  std::vector<runtime::ThoughtPart> parts;  // of tokens and of the end
  ChosenToken token;                        // of EventKind::token
  // Of EventKind::finished.
  runtime::StopReason reason = runtime::StopReason::max_tokens;
  std::string stop_string;   // that ended it, for StopReason::stop_string
  size_t reused_tokens = 0;  // of the prompt
  size_t tokens = 0;         // generated, the one that ended the answer included
  std::vector<float> vector;
  std::optional<Refusal> refusal;  // of EventKind::refused
  Error error;                     // of EventKind::failed
};

using OnEvent = std::function<void(AnswerEvent)>;

}  // namespace tern::serve
