#include "runtime/text/byte_level_bpe.h"

#include "base/utf8.h"
#include "runtime/text/byte_alphabet.h"
#include "runtime/text/nfc.h"

namespace tern::runtime {
namespace {

uint64_t pair_of(uint32_t left, uint32_t right) {
  return (uint64_t{left} << 32) | right;
}

bool is_text(TokenType type) {
  return type != TokenType::control && type != TokenType::unknown;
}

TokenTable make_table(const Vocabulary& vocabulary, const std::vector<TokenType>& types) {
  std::vector<std::string> bytes;
  std::vector<bool> findable;
  bytes.reserve(vocabulary.tokens.size());
  findable.reserve(vocabulary.tokens.size());
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& text = vocabulary.tokens[id];
    // Special tokens are written as they stand in a text; and so is, in effect, what is in no alphabet.
    const bool as_it_stands = !is_text(types[id]) || types[id] == TokenType::user_defined;
    const std::optional<std::string> decoded = as_it_stands ? std::nullopt : from_byte_alphabet(text);
    bytes.push_back(decoded.value_or(text));
    findable.push_back(is_text(types[id]));
  }
  return TokenTable(std::move(bytes), findable);
}

}  // namespace

ByteLevelBpe::ByteLevelBpe(TokenTable tokens, PreTokenizer pre_tokenizer, const SplittingRules& rules)
    : tokens_(std::move(tokens)),
      pre_tokenizer_(std::move(pre_tokenizer)),
      whole_pieces_first_(rules.whole_pieces_first),
      normalizes_nfc_(rules.normalizes_nfc) {}

Expected<ByteLevelBpe> ByteLevelBpe::make(const Vocabulary& vocabulary, const std::vector<TokenType>& types,
                                          const SplittingRules& rules) {
  TERN_ASSIGN(auto pre_tokenizer, PreTokenizer::make(rules.patterns));
  ByteLevelBpe bpe(make_table(vocabulary, types), std::move(pre_tokenizer), rules);
  TERN_TRY(bpe.set_byte_tokens(vocabulary.unknown));
  TERN_TRY(bpe.set_merges(vocabulary.merges));
  return bpe;
}

Status ByteLevelBpe::set_byte_tokens(std::optional<uint32_t> unknown) {
  unknown_ = unknown.value_or(no_token);
  for (size_t byte = 0; byte < byte_tokens_.size(); ++byte) {
    const char c = static_cast<char>(byte);
    byte_tokens_[byte] = tokens_.find({&c, 1});
    if (byte_tokens_[byte] == no_token && !unknown && !is_never_in_utf8(static_cast<unsigned char>(byte))) {
      return Error{"the vocabulary has no token for the byte " + std::to_string(byte) +
                   " and no unknown token"};
    }
  }
  return {};
}

Status ByteLevelBpe::set_merges(const std::vector<std::string>& merges) {
  merges_.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view merge = merges[rank];
    const size_t space = merge.find(' ');
    const std::optional<std::string> left = from_byte_alphabet(merge.substr(0, space));
    const std::optional<std::string> right = from_byte_alphabet(merge.substr(space + 1));
    const uint32_t left_token = left ? tokens_.find(*left) : no_token;
    const uint32_t right_token = right ? tokens_.find(*right) : no_token;
    const uint32_t joined = left && right ? tokens_.find(*left + *right) : no_token;
    if (left_token == no_token || right_token == no_token || joined == no_token) {
      return Error{"merge " + std::to_string(rank) + " ('" + merges[rank] + "'): " +
                   (left_token == no_token    ? "its left side"
                    : right_token == no_token ? "its right side"
                                              : "what it makes") +
                   " is not in the vocabulary"};
    }
    merges_.emplace(pair_of(left_token, right_token), Merge{static_cast<uint32_t>(rank), joined});
  }
  return {};
}

std::optional<Merge> ByteLevelBpe::find_merge(std::string_view piece, const Symbol& left,
                                              const Symbol& right) const {
  if (merges_.empty()) {
    const uint32_t joined = tokens_.find(piece.substr(left.begin, left.length + right.length));
    if (joined == no_token) return std::nullopt;
    return Merge{joined, joined};
  }
  const auto found = merges_.find(pair_of(left.token, right.token));
  if (found == merges_.end()) return std::nullopt;
  return found->second;
}

void ByteLevelBpe::encode(std::string_view text, std::vector<uint32_t>& ids) const {
  if (normalizes_nfc_ && may_change_in_nfc(text)) {
    encode_pieces(to_nfc(text), ids);
  } else {
    encode_pieces(text, ids);
  }
}

void ByteLevelBpe::encode_pieces(std::string_view text, std::vector<uint32_t>& ids) const {
  MergeQueue queue;
  for (const std::string_view piece : pre_tokenizer_.split(text)) {
    if (whole_pieces_first_) {
      if (const uint32_t token = tokens_.find(piece); token != no_token) {
        ids.push_back(token);
        continue;
      }
    }
    queue.clear();
    for (const char c : piece) queue.append(1, byte_tokens_[static_cast<unsigned char>(c)]);
    queue.merge([&](const Symbol& left, const Symbol& right) { return find_merge(piece, left, right); });
    // A byte that is in no UTF-8, and has neither a token nor one for the unknown, is left out.
    queue.for_each([&](const Symbol& symbol) {
      const uint32_t token = symbol.token == no_token ? unknown_ : symbol.token;
      if (token != no_token) ids.push_back(token);
    });
  }
}

}  // namespace tern::runtime
