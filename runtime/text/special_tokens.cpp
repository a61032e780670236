#include "runtime/text/special_tokens.h"

#include <algorithm>

namespace tern::runtime {

SpecialTokens::SpecialTokens(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::erase_if(entries_, [](const Entry& entry) { return entry.text.empty(); });
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.text != b.text ? a.text < b.text : a.token < b.token;
  });
  const auto same_text = [](const Entry& a, const Entry& b) { return a.text == b.text; };
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same_text), entries_.end());
}

std::optional<SpecialTokens::Match> SpecialTokens::find(std::string_view text, size_t from) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (auto match = match_at(text, begin)) return match;
  }
  return std::nullopt;
}

// Narrows the range of entries that begin with the text, byte after byte. All of them agree on the bytes
// before `depth`, and the one that ends there, if any, sorts first.
std::optional<SpecialTokens::Match> SpecialTokens::match_at(std::string_view text, size_t begin) const {
  std::optional<Match> longest;
  auto low = entries_.begin();
  auto high = entries_.end();
  for (size_t depth = 0; begin + depth < text.size(); ++depth) {
    const auto byte = static_cast<unsigned char>(text[begin + depth]);
    const auto byte_of = [depth](const Entry& entry) {
      return static_cast<unsigned char>(entry.text[depth]);
    };
    low = std::partition_point(low, high, [&](const Entry& entry) { return byte_of(entry) < byte; });
    high = std::partition_point(low, high, [&](const Entry& entry) { return byte_of(entry) == byte; });
    if (low == high) break;
    if (low->text.size() == depth + 1) {
      longest = Match{begin, depth + 1, low->token};
      if (++low == high) break;
    }
  }
  return longest;
}

}  // namespace tern::runtime
