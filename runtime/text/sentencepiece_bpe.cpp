#include "runtime/text/sentencepiece_bpe.h"

#include <algorithm>
#include <numeric>

#include "base/utf8.h"
#include "runtime/text/token_types.h"

namespace tern::runtime {
namespace {

constexpr std::string_view space_mark = "\xe2\x96\x81";  // U+2581

uint64_t pair_of(uint32_t left, uint32_t right) {
  return (uint64_t{left} << 32) | right;
}

std::string with_real_spaces(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t mark = text.find(space_mark);
    result += text.substr(0, mark);
    if (mark == std::string_view::npos) break;
    result += ' ';
    text.remove_prefix(mark + space_mark.size());
  }
  return result;
}

TokenTable make_table(const Vocabulary& vocabulary, const std::vector<TokenType>& types) {
  std::vector<std::string> bytes;
  std::vector<bool> findable;
  bytes.reserve(vocabulary.tokens.size());
  findable.reserve(vocabulary.tokens.size());
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& text = vocabulary.tokens[id];
    if (types[id] == TokenType::byte) {
      bytes.emplace_back(1, static_cast<char>(byte_of_token_text(text).value_or(0)));
    } else {
      bytes.push_back(with_real_spaces(text));
    }
    findable.push_back(types[id] == TokenType::normal || types[id] == TokenType::user_defined);
  }
  return TokenTable(std::move(bytes), findable);
}

// The place of each score among the different scores, the highest first.
std::vector<uint32_t> ranks_of(const std::vector<float>& scores) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
  std::vector<uint32_t> ranks(scores.size());
  uint32_t rank = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && scores[order[i]] != scores[order[i - 1]]) ++rank;
    ranks[order[i]] = rank;
  }
  return ranks;
}

}  // namespace

Expected<SentencePieceBpe> SentencePieceBpe::make(const Vocabulary& vocabulary,
                                                  const std::vector<TokenType>& types) {
  SentencePieceBpe bpe(make_table(vocabulary, types));
  bpe.ranks_ = ranks_of(vocabulary.scores);
  bpe.unknown_ = vocabulary.unknown.value_or(no_token);
  bpe.byte_tokens_.fill(no_token);
  for (size_t id = 0; id < types.size(); ++id) {
    if (types[id] != TokenType::byte) continue;
    uint32_t& token =
        bpe.byte_tokens_[static_cast<unsigned char>(bpe.tokens_.bytes(static_cast<uint32_t>(id))[0])];
    if (token == no_token) token = static_cast<uint32_t>(id);
  }
  for (size_t byte = 0; byte < bpe.byte_tokens_.size(); ++byte) {
    if (bpe.byte_tokens_[byte] == no_token && !vocabulary.unknown &&
        !is_never_in_utf8(static_cast<unsigned char>(byte))) {
      return Error{"the vocabulary has no byte token for " + std::to_string(byte) + " and no unknown token"};
    }
  }
  bpe.set_merges(vocabulary.merges);
  return bpe;
}

void SentencePieceBpe::set_merges(const std::vector<std::string>& merges) {
  merges_.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view merge = merges[rank];
    const size_t space = merge.find(' ');
    const std::string left = with_real_spaces(merge.substr(0, space));
    const std::string right = with_real_spaces(merge.substr(space + 1));
    const uint32_t left_token = tokens_.find(left), right_token = tokens_.find(right);
    const uint32_t joined = tokens_.find(left + right);
    if (left_token == no_token || right_token == no_token || joined == no_token) continue;
    merges_.emplace(pair_of(left_token, right_token), Merge{static_cast<uint32_t>(rank), joined});
  }
}

std::optional<Merge> SentencePieceBpe::find_merge(std::string_view text, const Symbol& left,
                                                  const Symbol& right) const {
  if (merges_.empty()) {
    const uint32_t joined = tokens_.find(text.substr(left.begin, left.length + right.length));
    if (joined == no_token) return std::nullopt;
    return Merge{ranks_[joined], joined};
  }
  const auto found = merges_.find(pair_of(left.token, right.token));
  if (found == merges_.end()) return std::nullopt;
  return found->second;
}

void SentencePieceBpe::append_spelled(std::string_view character, std::vector<uint32_t>& ids) const {
  const auto token_of = [this](char c) { return byte_tokens_[static_cast<unsigned char>(c)]; };
  if (std::any_of(character.begin(), character.end(), [&](char c) { return token_of(c) == no_token; })) {
    if (unknown_ != no_token) ids.push_back(unknown_);
    return;
  }
  for (const char c : character) ids.push_back(token_of(c));
}

void SentencePieceBpe::encode(std::string_view text, bool space_first, std::vector<uint32_t>& ids) const {
  std::string spaced = with_real_spaces(text);
  if (space_first) spaced.insert(spaced.begin(), ' ');
  const std::string_view all = spaced;
  MergeQueue queue;
  for (size_t at = 0; at < all.size();) {
    const Utf8Step step = utf8_step(all.substr(at));
    const size_t length = step.kind == Utf8Kind::character ? step.length : 1;
    queue.append(length, tokens_.find(all.substr(at, length)));
    at += length;
  }
  queue.merge([&](const Symbol& left, const Symbol& right) { return find_merge(all, left, right); });
  queue.for_each([&](const Symbol& symbol) {
    if (symbol.token != no_token) {
      ids.push_back(symbol.token);
    } else {
      append_spelled(all.substr(symbol.begin, symbol.length), ids);
    }
  });
}

}  // namespace tern::runtime
