// The parts of a tokenizer.json that say what happens to text before and after its model, BPE, has it.
#pragma once

#include <optional>
#include <string>

#include "base/expected.h"
#include "runtime/text/json_file.h"
#include "runtime/text/splitting_rules.h"

namespace tern::runtime {

struct TextRules {
  bool is_byte_level = false;      // the model sees bytes in GPT-2's alphabet
  SplittingRules splitting;        // of byte-level BPE, without whole_pieces_first
  bool marks_spaces = false;       // the model sees U+2581 for spaces, as in SentencePiece
  bool adds_space_prefix = false;  // and one before the text

  // The tokens that are put before and after every text.
  std::optional<std::string> beginning, end;
};

// Reads `normalizer`, `pre_tokenizer`, `post_processor` and `decoder` of the whole file's object. Errors,
// with the place: kinds, behaviours and orders of them that Tern does not compute.
//
// Metaspace is taken for what SentencePiece does; a text that begins with a space gets one more, as there.
Expected<TextRules> read_text_rules(const JsonPlace& root);

}  // namespace tern::runtime
