#include "runtime/chat/chat_template.h"

#include <fmt/format.h>

#include "runtime/chat/builtin_templates.h"
#include "runtime/jinja/values/unicode.h"

namespace tern::runtime {
namespace {

constexpr size_t llama3_tokens = 128256;

Expected<ChatTemplate> made(std::string_view source, std::string name, std::string origin,
                            std::string note = {}) {
  TERN_ASSIGN(jinja::Template parsed, jinja::Template::parse(source, std::move(name)));
  return ChatTemplate{std::move(parsed), std::move(origin), std::move(note)};
}

Expected<ChatTemplate> builtin(const BuiltinTemplate& entry, std::string note = {}) {
  return made(entry.source, fmt::format("template {}", entry.name), fmt::format("{} (built in)", entry.name),
              std::move(note));
}

std::string builtin_names() {
  std::string names;
  for (const BuiltinTemplate& entry : builtin_templates())
    names += fmt::format("{}{}", names.empty() ? "" : ", ", entry.name);
  return names;
}

bool has_wrong_template(const Vocabulary& vocabulary, std::string_view architecture) {
  return (architecture == "bitnet-b1.58" || architecture == "bitnet-25") &&
         vocabulary.tokens.size() == llama3_tokens;
}

// The characters that Unicode reserves for programs' own use (U+FDD0 to U+FDEF): texts do not have them.
constexpr char32_t first_mark = 0xfdd0, last_mark = 0xfdef;

// How tojson(ensure_ascii=true) writes a mark.
std::string escaped(char32_t mark) {
  return fmt::format("\\u{:04x}", static_cast<uint32_t>(mark));
}

// All strings inside a value, changed by `change`.
template <class Change>
jinja::Value changed(const jinja::Value& value, const Change& change) {
  if (value.is(jinja::Kind::string)) return jinja::Value::string(change(value.as_string()));
  if (value.is(jinja::Kind::list)) {
    std::vector<jinja::Value> items;
    for (const jinja::Value& item : value.as_list()->items) items.push_back(changed(item, change));
    return jinja::Value::list(std::move(items));
  }
  if (value.is(jinja::Kind::dict)) {
    jinja::Dict dict;
    for (const auto& [key, item] : value.as_dict().items()) dict.set(change(key), changed(item, change));
    return jinja::Value::dict(std::move(dict));
  }
  return value;
}

std::string with_marks(const std::string& text, const std::string& mark, const Tokenizer& tokenizer) {
  std::string out;
  size_t done = 0;
  for (const size_t place : tokenizer.control_texts(text)) {
    // Behind the first character, so that no character is torn.
    const size_t inside = place + jinja::character_at(text, place).size();
    out.append(text, done, inside - done);
    out += mark;
    done = inside;
  }
  return out.append(text, done);
}

// Takes the marks out of a text and notes where they were.
RenderedChat without_marks(const std::string& text, const std::string& mark,
                           const std::string& escaped_mark) {
  RenderedChat chat;
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = std::string_view(text).substr(at);
    if (rest.starts_with(mark) || rest.starts_with(escaped_mark)) {
      chat.cuts.push_back(chat.text.size());
      at += rest.starts_with(mark) ? mark.size() : escaped_mark.size();
    } else {
      chat.text += text[at++];
    }
  }
  return chat;
}

// A character that neither the messages nor, as an escape, their JSON has; 0 if they have all of them.
char32_t unused_mark(const jinja::Value& messages) {
  std::string all;
  changed(messages, [&](const std::string& text) {
    all += text;
    return text;
  });
  for (char32_t mark = first_mark; mark <= last_mark; ++mark) {
    if (all.find(jinja::to_utf8(mark)) == all.npos && all.find(escaped(mark)) == all.npos) return mark;
  }
  return 0;
}

jinja::Value token_text(const Vocabulary& vocabulary, const std::optional<uint32_t>& id) {
  return jinja::Value::string(id && *id < vocabulary.tokens.size() ? vocabulary.tokens[*id] : std::string());
}

}  // namespace

Expected<ChatTemplate> choose_template(const Vocabulary& vocabulary, std::string_view architecture,
                                       const std::string& choice,
                                       const std::optional<std::string>& choice_source) {
  if (choice_source) return made(*choice_source, choice, choice);
  if (!choice.empty()) {
    if (const BuiltinTemplate* entry = find_builtin_template(choice)) return builtin(*entry);
    return Error{
        fmt::format("there is no template '{}': it is a file, or one of {}", choice, builtin_names())};
  }
  if (has_wrong_template(vocabulary, architecture)) {
    const std::string_view why =
        vocabulary.chat_template.empty()
            ? "the file has no chat template"
            : "the chat template in files of this model is not the one it was trained with";
    return builtin(*find_builtin_template("bitnet-2b4t"),
                   fmt::format("{}; bitnet-2b4t is used (--template chooses another)", why));
  }
  if (vocabulary.chat_template.empty())
    return Error{
        fmt::format("the model's file has no chat template: it may not be made for talking; "
                    "--template FILE or --template NAME gives one ({})",
                    builtin_names())};
  return made(vocabulary.chat_template, "the model's chat template", "of the model's file");
}

Expected<RenderedChat> render_chat(const ChatTemplate& chat, const Conversation& conversation,
                                   const Vocabulary& vocabulary, const Tokenizer& tokenizer,
                                   const ChatOptions& options) {
  std::vector<jinja::Value> list;
  size_t bytes = 0;
  for (const Message& message : conversation.messages) {
    list.push_back(message.value());
    bytes += message.content.size() + message.reasoning.size();
  }
  jinja::Value messages = jinja::Value::list(std::move(list));
  const char32_t mark = unused_mark(messages);
  if (mark == 0) return Error{"the messages have all of the characters U+FDD0 to U+FDEF, which no text has"};
  const std::string mark_text = jinja::to_utf8(mark);
  messages =
      changed(messages, [&](const std::string& text) { return with_marks(text, mark_text, tokenizer); });
  jinja::Dict variables;
  variables.set("messages", std::move(messages));
  variables.set("add_generation_prompt", jinja::Value::boolean(options.add_generation_prompt));
  variables.set("bos_token", token_text(vocabulary, tokenizer.beginning_of_text()));
  variables.set("eos_token", token_text(vocabulary, vocabulary.end_of_text));
  if (options.thinking) variables.set("enable_thinking", jinja::Value::boolean(*options.thinking));
  jinja::RenderOptions render;
  render.now = options.now;
  // A long conversation is no attack: what it may cost grows with it.
  render.limits.memory_bytes += 64 * bytes;
  render.limits.steps += 16 * bytes;
  render.limits.output_bytes += 4 * bytes;
  TERN_ASSIGN(const std::string text, chat.source.render(variables, render));
  return without_marks(text, mark_text, escaped(mark));
}

std::vector<uint32_t> chat_tokens(const RenderedChat& chat, const Tokenizer& tokenizer) {
  std::vector<uint32_t> ids = tokenizer.encode(chat.text, true, chat.cuts);
  const bool is_there = !ids.empty() && ids.front() == tokenizer.beginning_of_text();
  if (tokenizer.adds_beginning_of_text() && !is_there)
    ids.insert(ids.begin(), *tokenizer.beginning_of_text());
  return ids;
}

}  // namespace tern::runtime
