// The body of /v1/chat/completions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <variant>

#include "serve/api/answer_request.h"

namespace tern::serve {

// Reads a request; unknown parameters, and any that would change the answer and are not supported, are
// refused.
std::variant<AnswerRequest, ApiError> read_chat_request(const nlohmann::json& body, const Service& service,
                                                        const std::string& client);

// The messages of the field "messages" as a conversation. A content may be a string or parts of type "text".
// The arguments of tool calls, which are JSON in a string, become an object.
runtime::Conversation read_messages(Fields& fields);

// What chat_template_kwargs says of thinking.
std::optional<bool> read_thinking(Fields& fields, std::optional<ApiError>& error);

// A conversation as text and as tokens, with the turn of the assistant begun. Errors: a model without a
// template; those of render_chat.
struct ChatPrompt {
  std::string text;
  std::vector<uint32_t> tokens;
};
Expected<ChatPrompt> chat_prompt(const Service& service, const runtime::Conversation& conversation,
                                 std::optional<bool> thinking);

}  // namespace tern::serve
