#include "runtime/chat/conversation.h"

#include <fmt/format.h>

#include "runtime/jinja/values/value_text.h"
#include "runtime/text/stream_decoder.h"

namespace tern::runtime {
namespace {

// An item of a message that must be a string; empty where it is missing or null.
Expected<std::string> text_item(const jinja::Dict& message, std::string_view key, size_t index) {
  const jinja::Value* value = message.find(key);
  if (value == nullptr || value->is(jinja::Kind::none)) return std::string();
  if (!value->is(jinja::Kind::string))
    return Error{
        fmt::format("message {}: '{}' must be a string, not {}", index + 1, key, name_of(value->kind()))};
  return value->as_string();
}

}  // namespace

jinja::Value Message::value() const {
  jinja::Dict dict;
  dict.set("role", jinja::Value::string(role));
  dict.set("content", jinja::Value::string(content));
  if (!reasoning.empty()) dict.set("reasoning_content", jinja::Value::string(reasoning));
  for (const auto& [key, value] : other.items()) dict.set(key, value);
  return jinja::Value::dict(std::move(dict));
}

Expected<Conversation> parse_conversation(std::string_view json) {
  TERN_ASSIGN(const jinja::Value root, jinja::from_json(json));
  const jinja::Value* list = root.is(jinja::Kind::dict) ? root.as_dict().find("messages") : nullptr;
  if (list == nullptr || !list->is(jinja::Kind::list))
    return Error{"a conversation is an object with a list \"messages\""};
  Conversation conversation;
  for (const jinja::Value& item : list->as_list()->items) {
    const size_t index = conversation.messages.size();
    if (!item.is(jinja::Kind::dict)) return Error{fmt::format("message {} is no object", index + 1)};
    Message message;
    TERN_ASSIGN(message.role, text_item(item.as_dict(), "role", index));
    TERN_ASSIGN(message.content, text_item(item.as_dict(), "content", index));
    TERN_ASSIGN(message.reasoning, text_item(item.as_dict(), "reasoning_content", index));
    if (message.role.empty()) return Error{fmt::format("message {} has no role", index + 1)};
    for (const auto& [key, value] : item.as_dict().items()) {
      if (key != "role" && key != "content" && key != "reasoning_content") message.other.set(key, value);
    }
    conversation.messages.push_back(std::move(message));
  }
  return conversation;
}

Expected<std::string> conversation_text(const Conversation& conversation) {
  std::vector<jinja::Value> messages;
  for (const Message& message : conversation.messages) messages.push_back(message.value());
  jinja::Dict root;
  root.set("messages", jinja::Value::list(std::move(messages)));
  jinja::JsonStyle style;
  style.indent = 2;
  style.between_items.assign(1, ',');
  jinja::Limits limits;
  limits.steps = limits.memory_bytes = SIZE_MAX;  // our own values: nothing to be guarded against
  jinja::Budget budget(limits);
  TERN_ASSIGN(const std::string text, jinja::to_json(jinja::Value::dict(std::move(root)), style, budget));
  StreamDecoder decoder;
  return decoder.push(text) + decoder.flush() + "\n";
}

}  // namespace tern::runtime
