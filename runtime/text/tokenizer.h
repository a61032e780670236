// Text to token ids and back, by the rules that a model file names.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/expected.h"
#include "runtime/text/byte_level_bpe.h"
#include "runtime/text/sentencepiece_bpe.h"
#include "runtime/text/special_tokens.h"
#include "runtime/text/vocabulary.h"

namespace tern::runtime {

// Moves, does not copy. All const functions may be called from several threads at once.
class Tokenizer {
 public:
  // `pre_override` takes the place of vocabulary.pre and vocabulary.own_rules. Errors: a vocabulary that does
  // not pass check; a model other than "gpt2" and "llama"; an unknown pre-tokenizer, or an override where
  // there is none (see splitting_rules); and what ByteLevelBpe::make and SentencePieceBpe::make refuse.
  static Expected<Tokenizer> make(const Vocabulary& vocabulary, std::string_view pre_override = "");

  // The ids of `text`, which may be any bytes. User-defined tokens are found in it as they stand; with
  // `parse_special` control tokens such as <|eot_id|> and the unknown token too, which a text from a stranger
  // should not get. Where several begin at one place the longest is taken. No token is added that the text
  // does not have.
  // `cuts` are bytes of the text, ascending, that no control token reaches across.
  std::vector<uint32_t> encode(std::string_view text, bool parse_special,
                               std::span<const size_t> cuts = {}) const;

  // The bytes where the texts of control tokens begin in `text`, ascending.
  std::vector<size_t> control_texts(std::string_view text) const;

  // encode() for the beginning of a sequence: with the beginning-of-text token in front if the model wants it
  // and the text does not begin with it already. An end-of-text token is not added: a prompt goes on.
  std::vector<uint32_t> encode_from_beginning(std::string_view text, bool parse_special) const;

  // encode_from_beginning() for a text that is whole, such as one to embed: with the end-of-text token behind
  // it if the model wants it there and the text does not end with it already.
  std::vector<uint32_t> encode_whole(std::string_view text, bool parse_special) const;

  // The bytes of one token; not always whole characters (see StreamDecoder). Nothing for control, unknown and
  // unused tokens and for ids beyond the vocabulary.
  std::string decode(uint32_t id) const;

  // The bytes of a whole sequence, from its beginning: without the space that encoding put in front.
  std::string decode(std::span<const uint32_t> ids) const;

  // The text of a token as the file has it, for people to look at. `id` is below size().
  const std::string& token_text(uint32_t id) const { return texts_[id]; }
  size_t size() const { return texts_.size(); }

  // adds_beginning_of_text() implies that there is a beginning_of_text().
  bool adds_beginning_of_text() const { return adds_beginning_of_text_; }
  std::optional<uint32_t> beginning_of_text() const { return beginning_of_text_; }

  // True if a whole text has the end-of-text token behind it; implies that there is an end_of_text().
  bool adds_end_of_text() const { return adds_end_of_text_; }
  std::optional<uint32_t> end_of_text() const { return end_of_text_; }

  // True for the tokens that end a text, a turn or a message.
  bool is_end(uint32_t id) const;

  // True if encode puts a space before the text, so that a reader must drop it at the beginning of a
  // sequence.
  bool adds_space_prefix() const { return adds_space_prefix_; }

 private:
  using Model = std::variant<ByteLevelBpe, SentencePieceBpe>;

  Tokenizer(const Vocabulary& vocabulary, std::vector<TokenType> types, Model model,
            bool adds_beginning_of_text);

  void encode_plain(std::string_view text, bool space_first, std::vector<uint32_t>& ids) const;

  Model model_;
  std::vector<std::string> texts_;
  std::vector<TokenType> types_;
  SpecialTokens user_defined_;
  SpecialTokens user_defined_and_control_;
  std::vector<uint32_t> ends_;  // sorted
  std::optional<uint32_t> beginning_of_text_;
  bool adds_beginning_of_text_;
  std::optional<uint32_t> end_of_text_;
  bool adds_end_of_text_;
  bool adds_space_prefix_;
};

}  // namespace tern::runtime
