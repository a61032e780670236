// How likely each of several continuations of a text is, as EleutherAI's lm-evaluation-harness defines it
// (lm_eval/api/model.py, TemplateLM::_encode_pair and loglikelihood; lm_eval/models/huggingface.py,
// _loglikelihood_tokens).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "runtime/execute/engine.h"
#include "runtime/generate/read_tokens.h"
#include "runtime/text/tokenizer.h"

namespace tern::runtime {

// Tokens of a context and of what continues it, of which those from `first_scored` on are scored; it is at
// least 1.
struct Continuation {
  std::vector<uint32_t> tokens;
  size_t first_scored = 1;
  bool operator==(const Continuation&) const = default;
};

// Bytes at the end of a text that are white space, as Python's str.rstrip() takes it.
size_t white_space_at_end(std::string_view text);
// The same at its beginning.
size_t white_space_at_begin(std::string_view text);

// White space at the end of the context is moved to the continuation. The two are encoded as one text, and
// the context alone; both with the beginning-of-text token in front if the model adds one, and with control
// tokens recognised. What comes after as many tokens as the context alone has is scored. An empty context is
// the beginning-of-text token, or the `end_of_text` token if there is none; a continuation that begins with
// that token lends it. Errors: no token is left to score; an empty context for a model with neither token.
Expected<Continuation> encode_continuation(const Tokenizer& tokenizer, std::string_view context,
                                           std::string_view continuation,
                                           std::optional<uint32_t> end_of_text = std::nullopt);

// Leaves out tokens at the beginning so that the model reads at most `context` ones: the last token is not
// read, so that context + 1 stay. Error: the scored ones alone are more than `context`.
Status keep_end(Continuation& continuation, size_t context);

// An empty sequence for score_continuations, with pages for each of these lists of continuations, one at a
// time.
Expected<Sequence> make_sequence_for(const Engine& engine,
                                     std::span<const std::vector<Continuation>> continuations);

// result[i] = sum of ln P(token | those before it) over the scored tokens of continuation i, added up in
// ascending order. What all continuations begin with is read once; `sequence` is left with it, and what it
// holds of it already is not read again. The rest is read in forks of the sequence, several continuations a
// step. The results are those of each continuation read alone, bit for bit. Nothing where keep_going ended
// it. Errors: those of read_tokens. Precondition: at least one continuation, and a sequence by
// make_sequence_for.
Expected<std::optional<std::vector<double>>> score_continuations(Engine& engine, Sequence& sequence,
                                                                 std::span<const Continuation> continuations,
                                                                 StepPace& pace,
                                                                 const KeepGoing& keep_going = {});

}  // namespace tern::runtime
