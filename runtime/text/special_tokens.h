// Tokens that are looked for in the text as they stand, before any other rule cuts it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tern::runtime {

class SpecialTokens {
 public:
  struct Entry {
    std::string text;
    uint32_t token;
  };
  struct Match {
    size_t begin, length;
    uint32_t token;
  };

  // Entries with an empty text are left out; of two with the same text the lower id stays.
  explicit SpecialTokens(std::vector<Entry> entries);

  // The first place at or after `from` where a special token stands; there, the longest one.
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  std::optional<Match> match_at(std::string_view text, size_t begin) const;

  std::vector<Entry> entries_;  // sorted by text, so that it can be walked like a trie
};

}  // namespace tern::runtime
