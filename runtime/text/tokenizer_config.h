// What lies beside a tokenizer.json: which tokens begin and end a text, and the template of a chat.
#pragma once

#include <string>

#include "base/expected.h"
#include "runtime/text/vocabulary.h"

namespace tern::runtime {

// Fills the ids of a vocabulary that has its tokens, its add_* and its chat_template, from these files of
// `folder`, where they are:
// - tokenizer_config.json, then special_tokens_map.json: bos_token, eos_token, unk_token, pad_token, a
//   text or an object with `content`; add_bos_token and add_eos_token (where they do not say, the vocabulary
//   keeps what it has, but a LlamaTokenizer or GemmaTokenizer adds a beginning of text); chat_template, a
//   text or a list of {name, template}, of which "default" or else the first is taken;
// - generation_config.json: eos_token_id, a number or a list: end of turn and end of message, where
//   they differ from the end of text; bos_token_id and pad_token_id, where nothing else names them;
// - chat_template.jinja, which goes before the other template.
// Ids that are set already stay. Errors, with the file's path: what read_json_file refuses; a wrong type; a
// beginning or end that is no token of the vocabulary; more ends than three that token_types.h does not know;
// a template of more than 4 MiB.
Status read_tokenizer_config(const std::string& folder, Vocabulary& vocabulary);

}  // namespace tern::runtime
