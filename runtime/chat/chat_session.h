// A conversation with a model, turn by turn. Each turn computes only the tokens that are new to it.
#pragma once

#include <functional>
#include <string>

#include "base/expected.h"
#include "runtime/chat/chat_template.h"
#include "runtime/chat/thinking.h"
#include "runtime/generate/generate.h"

namespace tern::runtime {

struct Answer {
  Message message;  // of role "assistant"
  Generation generation;
  size_t reused_tokens = 0;  // of the prompt, whose keys and values the turn before had left
};

// Called with each part of the answer as it is complete; false ends the answer.
using OnPart = std::function<bool(const ThoughtPart& part)>;

class ChatSession {
 public:
  // `engine` must outlive the session. `context` is the most tokens that the conversation may have.
  static Expected<ChatSession> make(Engine& engine, ChatTemplate chat, size_t context);

  // The model's answer to a conversation that ends in a question. The tokens that it shares with the turn
  // before are kept, and the others forgotten: what is computed is the same as in a new sequence. Errors:
  // those of render_chat and generate; a conversation that leaves no room in the context.
  Expected<Answer> answer(const Conversation& conversation, const ChatOptions& chat,
                          const GenerateOptions& options, const OnPart& on_part = {});

  const ChatTemplate& chat() const { return chat_; }
  size_t context() const { return sequence_.capacity(); }
  // Tokens of the last turn, the answer included.
  size_t length() const { return sequence_.length(); }

 private:
  ChatSession(Engine& engine, ChatTemplate chat, Sequence sequence)
      : engine_(&engine), chat_(std::move(chat)), sequence_(std::move(sequence)) {}

  Engine* engine_;
  ChatTemplate chat_;
  Sequence sequence_;
};

}  // namespace tern::runtime
