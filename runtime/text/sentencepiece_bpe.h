// SentencePiece's BPE, model "llama": characters joined in the order of the scores of what they make; or,
// where a tokenizer.json has it so, of merges.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/expected.h"
#include "runtime/text/merge_queue.h"
#include "runtime/text/token_table.h"
#include "runtime/text/vocabulary.h"

namespace tern::runtime {

class SentencePieceBpe {
 public:
  // `types` has one entry a token (see token_types); tokens of type byte are "<0xNN>". Without merges, any
  // two neighbours that make a token may be joined, the highest score first. With merges, only those two that
  // a merge names, the first merge first: a token can be made of different halves, and scores do not say
  // which; a merge whose left side, right side or result is no token never applies. Error: a byte that has no
  // token where there is no unknown token.
  static Expected<SentencePieceBpe> make(const Vocabulary& vocabulary, const std::vector<TokenType>& types);

  // The texts write a space as U+2581; the bytes of the tokens are with real spaces.
  const TokenTable& tokens() const { return tokens_; }

  // Appends the ids of `text`, which may be any bytes: a character that is no token is spelled in byte
  // tokens, and so is a byte that is not part of well-formed UTF-8. U+2581 counts as a space, as it does in
  // SentencePiece, so that one is read back as a space. With `space_first`, as if a space stood before it.
  void encode(std::string_view text, bool space_first, std::vector<uint32_t>& ids) const;

 private:
  explicit SentencePieceBpe(TokenTable tokens) : tokens_(std::move(tokens)) {}

  void set_merges(const std::vector<std::string>& merges);
  std::optional<Merge> find_merge(std::string_view text, const Symbol& left, const Symbol& right) const;
  void append_spelled(std::string_view character, std::vector<uint32_t>& ids) const;

  TokenTable tokens_;
  std::vector<uint32_t> ranks_;  // by token: 0 for the highest score, equal for equal scores
  std::array<uint32_t, 256> byte_tokens_{};
  uint32_t unknown_ = no_token;
  std::unordered_map<uint64_t, Merge> merges_;  // by left id * 2^32 + right id; empty: scores rank
};

}  // namespace tern::runtime
