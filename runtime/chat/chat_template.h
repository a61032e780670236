// Which template a model talks by, and the tokens of a conversation by it.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "runtime/chat/conversation.h"
#include "runtime/jinja/template.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/vocabulary.h"

namespace tern::runtime {

struct ChatTemplate {
  jinja::Template source;
  std::string origin;  // "of the model's file", "chatml (built in)", or a file
  std::string note;    // something that the user should be told; may be empty
};

// The template of a model: the one that `choice` names, a built-in one or `choice_source`, the text of a
// file; else the file's own, unless that is known to be wrong: the files of BitNet b1.58 2B4T (architectures
// "bitnet-b1.58" and "bitnet-25" with LLaMA-3's vocabulary) hold a template that the model was not trained
// with. Errors: no template, with advice; one that jinja::Template::parse refuses.
Expected<ChatTemplate> choose_template(const Vocabulary& vocabulary, std::string_view architecture,
                                       const std::string& choice = "",
                                       const std::optional<std::string>& choice_source = {});

struct ChatOptions {
  bool add_generation_prompt = true;
  std::optional<bool> thinking;           // the variable enable_thinking; not set: the template's default
  std::tm now = {};                       // for strftime_now
  std::vector<std::string> stop_strings;  // an answer, thoughts included, ends before the first of them
};

// A conversation as a template writes it. A special token's text inside a message is text and no token:
// nobody may end a turn or begin another by what they type. `cuts` are the bytes of the text, ascending, that
// no control token may reach across; there is one inside each control token's text that a message had.
struct RenderedChat {
  std::string text;
  std::vector<size_t> cuts;
};

// Before the template sees a message, a character that occurs nowhere in the conversation is put inside each
// control token's text in it; where that character comes out is a cut. So the text is tokenised as a whole,
// as transformers does, and the template may cut and move the message as it likes. Errors: those of
// jinja::Template::render.
Expected<RenderedChat> render_chat(const ChatTemplate& chat, const Conversation& conversation,
                                   const Vocabulary& vocabulary, const Tokenizer& tokenizer,
                                   const ChatOptions& options);

// The ids of a rendered conversation, with the beginning-of-text token in front if the model wants it and the
// template has not printed it.
std::vector<uint32_t> chat_tokens(const RenderedChat& chat, const Tokenizer& tokenizer);

}  // namespace tern::runtime
