// The messages of a conversation, as templates take them and as files hold them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "runtime/jinja/values/value.h"

namespace tern::runtime {

struct Message {
  std::string role;       // "system", "user", "assistant", "tool"
  std::string content;    // without the thoughts
  std::string reasoning;  // what an assistant thought before it answered; may be empty
  // The whole message as a template sees it: role, content, reasoning_content, and what else a file gives,
  // such as tool_calls.
  jinja::Value value() const;
  jinja::Dict other = {};  // what a file gives besides the three above
};

struct Conversation {
  std::vector<Message> messages;
};

// Reads {"messages": [{"role": ..., "content": ...}, ...]}. Errors: no JSON (with line and column), a message
// without a role, a content that is no string.
Expected<Conversation> parse_conversation(std::string_view json);
// The JSON that parse_conversation reads, indented; U+FFFD for bytes of messages that are no UTF-8. Error: a
// value that JSON cannot hold.
Expected<std::string> conversation_text(const Conversation& conversation);

}  // namespace tern::runtime
