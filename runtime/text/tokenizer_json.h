// A Hugging Face tokenizer.json, with what lies beside it, read as the facts that GGUF's `tokenizer.*` keys
// state.
#pragma once

#include <cstdint>
#include <string>

#include "base/expected.h"
#include "runtime/text/vocabulary.h"

namespace tern::runtime {

// Reads tokenizer.json in a folder, or the file of that format at the path. From the same folder, where they
// are: tokenizer_config.json and special_tokens_map.json (which tokens begin and end a text, and whether they
// are added; the chat template), generation_config.json (more tokens that end a text) and
// chat_template.jinja (which goes before the one in tokenizer_config.json).
//
// The result is as a GGUF file of the model would have it and passes `check`:
// - model "gpt2" for byte-level BPE. `pre` is the name of the table in splitting_rules.h that has the file's
//   rules; if none has, `pre` is "tern" and `own_rules` holds them.
// - model "llama" for BPE over characters that falls back on byte tokens (LLaMA-2, Gemma). `merges` are kept,
//   and scores are made of them: minus the rank of the first merge that makes the token.
// - Ids that the file leaves out are tokens "[PADn]" of type unused. Added tokens are control tokens if they
//   are special, else user-defined ones.
// - The flags add_* are always set.
//
// Errors, all with the path and, inside the JSON, the place: a file that cannot be read, is larger than
// 128 MiB or is no JSON; keys that come twice; wrong types; ids that come twice or leave more than 65536
// gaps; merges of texts that are no tokens; and, by name, every kind of model, normalizer, pre-tokenizer,
// post-processor, decoder and flag of an added token that Tern does not compute.
Expected<Vocabulary> read_tokenizer_json(const std::string& folder_or_file);

// Makes a vocabulary as long as the model's table of embeddings: appends tokens "[PADn]" of type unused (and,
// where there are scores, of score -1000, as BitNet's converter does). Error: it is longer than `size`
// already by tokens that are not padding.
Status pad_vocabulary(Vocabulary& vocabulary, uint32_t size);

}  // namespace tern::runtime
