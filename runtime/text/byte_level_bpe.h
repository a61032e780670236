// Byte-level BPE, model "gpt2": a piece of text is its bytes, joined by merges in the order of their rank.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/expected.h"
#include "runtime/text/merge_queue.h"
#include "runtime/text/pre_tokenizer.h"
#include "runtime/text/splitting_rules.h"
#include "runtime/text/token_table.h"
#include "runtime/text/vocabulary.h"

namespace tern::runtime {

class ByteLevelBpe {
 public:
  // `types` has one entry a token (see token_types). A vocabulary without merges is taken as tiktoken writes
  // them: the id is the rank, and two neighbours merge if their concatenation is a token. Errors: a merge
  // whose left side, right side or result is no token; a byte that is no token where there is no unknown
  // token; and what PreTokenizer::make refuses.
  static Expected<ByteLevelBpe> make(const Vocabulary& vocabulary, const std::vector<TokenType>& types,
                                     const SplittingRules& rules);

  const TokenTable& tokens() const { return tokens_; }

  // Appends the ids of `text`, which may be any bytes. Where the rules say so, they are the ids of its
  // normalization form C.
  void encode(std::string_view text, std::vector<uint32_t>& ids) const;

 private:
  ByteLevelBpe(TokenTable tokens, PreTokenizer pre_tokenizer, const SplittingRules& rules);

  Status set_byte_tokens(std::optional<uint32_t> unknown);
  Status set_merges(const std::vector<std::string>& merges);
  void encode_pieces(std::string_view text, std::vector<uint32_t>& ids) const;
  std::optional<Merge> find_merge(std::string_view piece, const Symbol& left, const Symbol& right) const;

  TokenTable tokens_;
  PreTokenizer pre_tokenizer_;
  bool whole_pieces_first_;
  bool normalizes_nfc_;
  std::array<uint32_t, 256> byte_tokens_{};
  uint32_t unknown_ = no_token;
  std::unordered_map<uint64_t, Merge> merges_;  // by left id * 2^32 + right id; empty: ranks are ids
};

}  // namespace tern::runtime
