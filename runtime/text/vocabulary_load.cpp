#include "runtime/text/vocabulary_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/text/vocabulary_keys.h"

namespace tern::runtime {
namespace {

// Reads keys `tokenizer.NAME`; the first fault stays.
class VocabularyReader {
 public:
  VocabularyReader(const GgufFile& file, uint32_t size) : file_(file), size_(size) {}

  Expected<Vocabulary> run() {
    for (const auto& [key, field] : vocabulary_texts) text(key, vocabulary_.*field);
    text(chat_template_key, vocabulary_.chat_template);
    read_tokens();
    read_scores();
    read_types();
    read_merges();
    read_own_rules();
    for (const auto& [key, field] : vocabulary_ids) id(key, vocabulary_.*field);
    for (const auto& [key, field] : vocabulary_flags) flag(key, vocabulary_.*field);
    if (error_) return *error_;
    return std::move(vocabulary_);
  }

 private:
  void note(Error error) {
    if (!error_) error_ = std::move(error);
  }
  void complain(std::string_view key, std::string_view message) {
    note(Error{fmt::format("key '{}' {}", key, message), {file_.path()}});
  }

  void text(std::string_view key, std::string& target) {
    if (!file_.find(key)) return;
    const auto value = get_string(file_, key);
    value ? void(target = *value) : note(value.error());
  }
  void flag(std::string_view key, std::optional<bool>& target) {
    if (!file_.find(key)) return;
    const auto value = get_boolean(file_, key);
    value ? void(target = *value) : note(value.error());
  }
  void id(std::string_view key, std::optional<uint32_t>& target) {
    if (!file_.find(key)) return;
    const auto value = get_integer(file_, key, 0, size_ - 1);
    // Nothing that is computed depends on padding, for which some files state -1, or 2^32 - 1.
    if (!value && &target == &vocabulary_.padding && get_number(file_, key)) return;
    value ? void(target = static_cast<uint32_t>(*value)) : note(value.error());
  }
  void check_length(std::string_view key, size_t length) {
    if (length != size_) complain(key, fmt::format("has {} entries for {} tokens", length, size_));
  }

  void read_tokens() {
    constexpr std::string_view key = tokens_key;
    const auto tokens = get_strings(file_, key);
    if (!tokens) return note(tokens.error());
    check_length(key, tokens->size());
    vocabulary_.tokens.assign(tokens->begin(), tokens->end());
  }

  void read_scores() {
    constexpr std::string_view key = scores_key;
    if (!file_.find(key)) return;
    auto scores = get_floats(file_, key);
    if (!scores) return note(scores.error());
    check_length(key, scores->size());
    if (std::any_of(scores->begin(), scores->end(), [](float score) { return std::isnan(score); })) {
      complain(key, "holds a score that is not a number");
    }
    vocabulary_.scores = scores.take();
  }

  void read_types() {
    constexpr std::string_view key = types_key;
    if (!file_.find(key)) return;
    const auto types = get_integers(file_, key);
    if (!types) return note(types.error());
    check_length(key, types->size());
    vocabulary_.types.reserve(types->size());
    for (size_t i = 0; i < types->size(); ++i) {
      const int32_t type = (*types)[i];
      if (type < static_cast<int32_t>(TokenType::normal) || type > static_cast<int32_t>(TokenType::byte)) {
        return complain(key, fmt::format("gives token {} the unknown type {}", i, type));
      }
      vocabulary_.types.push_back(static_cast<TokenType>(type));
    }
  }

  void read_merges() {
    constexpr std::string_view key = merges_key;
    if (!file_.find(key)) return;
    const auto merges = get_strings(file_, key);
    if (!merges) return note(merges.error());
    for (size_t i = 0; i < merges->size(); ++i) {
      const std::string_view merge = (*merges)[i];
      const size_t space = merge.find(' ');
      if (space == 0 || space >= merge.size() - 1 || merge.find(' ', space + 1) != merge.npos) {
        return complain(
            key, fmt::format("has a merge, number {}, that is not two texts with one space between: {}", i,
                             quote(merge)));
      }
    }
    vocabulary_.merges.assign(merges->begin(), merges->end());
  }

  void read_own_rules() {
    constexpr std::string_view key = patterns_key;
    if (!file_.find(key)) return;
    const auto patterns = get_strings(file_, key);
    if (!patterns) return note(patterns.error());
    std::optional<bool> whole_pieces_first, nfc;
    flag(whole_pieces_key, whole_pieces_first);
    flag(nfc_key, nfc);
    vocabulary_.own_rules = SplittingRules{.patterns = {patterns->begin(), patterns->end()},
                                           .whole_pieces_first = whole_pieces_first.value_or(false),
                                           .normalizes_nfc = nfc.value_or(false)};
  }

  const GgufFile& file_;
  uint32_t size_;
  Vocabulary vocabulary_;
  std::optional<Error> error_;
};

}  // namespace

Expected<Vocabulary> read_vocabulary(const GgufFile& file, uint32_t vocabulary_size) {
  return VocabularyReader(file, vocabulary_size).run();
}

}  // namespace tern::runtime
