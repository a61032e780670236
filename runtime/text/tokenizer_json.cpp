#include "runtime/text/tokenizer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "runtime/text/json_file.h"
#include "runtime/text/token_types.h"
#include "runtime/text/tokenizer_config.h"
#include "runtime/text/tokenizer_json_rules.h"

namespace tern::runtime {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t most_gaps = 65536;        // ids below the highest that no token has
constexpr float padding_score = -1000.0f;  // as BitNet's converter writes

std::string padding_text(size_t id) {
  return fmt::format("[PAD{}]", id);
}

// Makes a Vocabulary of the object of a tokenizer.json. Errors have no path.
class Reader {
 public:
  explicit Reader(const JsonPlace& root) : root_(root) {}

  Expected<Vocabulary> run() {
    TERN_ASSIGN(rules_, read_text_rules(root_));
    TERN_ASSIGN(const JsonPlace model, root_.get("model"));
    TERN_TRY(read_kind(model));
    TERN_TRY(read_tokens(model));
    TERN_TRY(read_unknown(model));
    TERN_TRY(read_merges(model));
    if (is_sentencepiece()) make_scores();
    TERN_TRY(set_additions());
    return std::move(vocabulary_);
  }

 private:
  bool is_sentencepiece() const { return !rules_.is_byte_level; }

  // What kind of BPE it is, and its rules.
  Status read_kind(const JsonPlace& model) {
    TERN_ASSIGN(const std::string type, model.text_of("type", "BPE"));
    if (type != "BPE") {
      return model.error(fmt::format("the type '{}' is not supported; 'BPE' is", type));
    }
    for (const std::string_view key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      TERN_ASSIGN(const std::string text, model.text_of(key, ""));
      if (!text.empty()) return model.error(fmt::format("{} '{}' is not supported", key, text));
    }
    TERN_ASSIGN(const auto dropout, model.find("dropout"));
    if (dropout && !(dropout->value->is_number() && dropout->value->get<double>() == 0)) {
      return dropout->error("dropping merges at random is not supported");
    }
    TERN_ASSIGN(const bool byte_fallback, model.flag_of("byte_fallback", false));
    TERN_ASSIGN(const bool ignore_merges, model.flag_of("ignore_merges", false));
    if (is_sentencepiece()) return set_sentencepiece(model, byte_fallback, ignore_merges);
    if (rules_.marks_spaces || rules_.adds_space_prefix) {
      return root_.error("U+2581 for spaces is not supported in byte-level BPE");
    }
    vocabulary_.model = "gpt2";
    rules_.splitting.whole_pieces_first = ignore_merges;
    vocabulary_.pre = name_of_rules(rules_.splitting);
    if (vocabulary_.pre.empty()) {
      vocabulary_.pre = own_rules_name;
      vocabulary_.own_rules = rules_.splitting;
    }
    return {};
  }

  Status set_sentencepiece(const JsonPlace& model, bool byte_fallback, bool ignore_merges) {
    if (!byte_fallback || !rules_.marks_spaces) {
      return model.error(
          "BPE is supported with a ByteLevel pre-tokenizer, or with byte_fallback and U+2581 for spaces");
    }
    if (ignore_merges) return model.error("ignore_merges is not supported without a ByteLevel pre-tokenizer");
    if (rules_.splitting.normalizes_nfc || !rules_.splitting.patterns.empty()) {
      return root_.error("cutting or NFC is not supported without a ByteLevel pre-tokenizer");
    }
    vocabulary_.model = "llama";
    return {};
  }

  // `id` gets the text, unless it has another, or the text another id.
  Status set_token(const JsonPlace& place, uint32_t id, const std::string& text) {
    const auto [found, is_new] = ids_.try_emplace(text, id);
    if (!is_new && found->second != id) {
      return place.error(fmt::format("the token '{}' has the ids {} and {}", text, found->second, id));
    }
    if (id >= vocabulary_.tokens.size()) {
      vocabulary_.tokens.resize(id + size_t{1});
      vocabulary_.types.resize(id + size_t{1}, TokenType::unused);
      is_set_.resize(id + size_t{1});
    }
    if (is_set_[id] && vocabulary_.tokens[id] != text) {
      return place.error(
          fmt::format("the id {} is of the tokens '{}' and '{}'", id, vocabulary_.tokens[id], text));
    }
    vocabulary_.tokens[id] = text;
    is_set_[id] = true;
    return {};
  }

  Expected<uint32_t> id_below(const JsonPlace& place, size_t limit) const {
    TERN_ASSIGN(const uint32_t id, place.id());
    if (id < limit) return id;
    return place.error(fmt::format("the id {} leaves too many gaps below it", id));
  }

  Status read_tokens(const JsonPlace& model) {
    TERN_ASSIGN(const JsonPlace texts, model.get("vocab"));
    if (!texts.value->is_object()) return texts.error("is not an object");
    TERN_ASSIGN(const auto added_place, root_.find("added_tokens"));
    std::vector<JsonPlace> added;
    if (added_place) {
      TERN_ASSIGN(added, added_place->elements());
    }
    const size_t limit = texts.value->size() + added.size() + most_gaps;
    ids_.reserve(texts.value->size() + added.size());
    for (const auto& [text, value] : texts.value->items()) {
      const JsonPlace place{&value, texts.name};
      TERN_ASSIGN(const uint32_t id, id_below(place, limit));
      TERN_TRY(set_token(place, id, text));
      const bool is_byte = is_sentencepiece() && byte_of_token_text(text);
      vocabulary_.types[id] = is_byte ? TokenType::byte : TokenType::normal;
    }
    for (const JsonPlace& place : added) TERN_TRY(read_added(place, limit));
    for (size_t id = 0; id < vocabulary_.tokens.size(); ++id) {
      if (!is_set_[id]) vocabulary_.tokens[id] = padding_text(id);
    }
    if (vocabulary_.tokens.empty()) return texts.error("there are no tokens");
    return {};
  }

  Status read_added(const JsonPlace& place, size_t limit) {
    TERN_ASSIGN(const JsonPlace content, place.get("content"));
    TERN_ASSIGN(const std::string text, content.text());
    if (text.empty()) return content.error("is empty");
    for (const std::string_view key : {"lstrip", "rstrip", "single_word"}) {
      TERN_ASSIGN(const bool is_set, place.flag_of(key, false));
      if (is_set) return place.error(fmt::format("{} of the token '{}' is not supported", key, text));
    }
    // Whether it is looked for in the text or in its normal form makes no difference to what Tern normalizes.
    TERN_TRY(place.flag_of("normalized", true));
    TERN_ASSIGN(const bool is_special, place.flag_of("special", false));
    TERN_ASSIGN(const JsonPlace id_place, place.get("id"));
    TERN_ASSIGN(const uint32_t id, id_below(id_place, limit));
    TERN_TRY(set_token(place, id, text));
    vocabulary_.types[id] = is_special ? TokenType::control : TokenType::user_defined;
    return {};
  }

  Status read_unknown(const JsonPlace& model) {
    TERN_ASSIGN(const auto place, model.find("unk_token"));
    if (!place) return {};
    TERN_ASSIGN(const std::string text, place->text());
    const auto found = ids_.find(text);
    if (found == ids_.end()) return place->error(fmt::format("there is no token '{}'", text));
    vocabulary_.unknown = found->second;
    vocabulary_.types[found->second] = TokenType::unknown;
    return {};
  }

  Status read_merges(const JsonPlace& model) {
    TERN_ASSIGN(const JsonPlace list, model.get("merges"));
    if (!list.value->is_array()) return list.error("is not an array");
    vocabulary_.merges.reserve(list.value->size());
    for (size_t rank = 0; rank < list.value->size(); ++rank) {
      const JsonPlace place{&(*list.value)[rank], list.name};
      Expected<std::string> merge = merge_text(*place.value);
      if (!merge) return place.error(fmt::format("merge {} {}", rank, merge.error().message));
      vocabulary_.merges.push_back(merge.take());
    }
    return {};
  }

  // "left right", of that text or of ["left", "right"].
  Expected<std::string> merge_text(const json& merge) const {
    const bool is_pair =
        merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    if (!is_pair && !merge.is_string()) return Error{"is neither a text nor a pair of texts"};
    std::string text = is_pair ? fmt::format("{} {}", merge[0].get_ref<const std::string&>(),
                                             merge[1].get_ref<const std::string&>())
                               : merge.get<std::string>();
    const size_t space = text.find(' ');
    if (space == text.npos || space == 0 || space + 1 == text.size() || space != text.rfind(' ')) {
      return Error{fmt::format("('{}') is not two texts with one space between", text)};
    }
    const std::string left = text.substr(0, space), right = text.substr(space + 1);
    for (const std::string& part : {left, right, left + right}) {
      if (!ids_.contains(part))
        return Error{fmt::format("('{}'): '{}' is not in the vocabulary", text, part)};
    }
    return text;
  }

  // For programs that rank by scores: tokens that no merge makes come after all others.
  void make_scores() {
    vocabulary_.scores.assign(vocabulary_.tokens.size(), 0.0f);
    const auto last = -static_cast<float>(vocabulary_.merges.size());
    for (size_t id = 0; id < vocabulary_.tokens.size(); ++id) {
      if (vocabulary_.types[id] == TokenType::normal) vocabulary_.scores[id] = last;
      if (!is_set_[id]) vocabulary_.scores[id] = padding_score;
    }
    for (size_t rank = vocabulary_.merges.size(); rank-- > 0;) {  // so that the first one stays
      std::string joined = vocabulary_.merges[rank];
      joined.erase(joined.find(' '), 1);
      vocabulary_.scores[ids_.at(joined)] = -static_cast<float>(rank);
    }
  }

  // What the post-processor adds. The ids of a template come first: they are what is added.
  Status set_additions() {
    const auto look_up = [&](const std::optional<std::string>& text, std::optional<uint32_t>& id) -> Status {
      if (!text) return {};
      const auto found = ids_.find(*text);
      if (found == ids_.end())
        return root_.error(fmt::format("post_processor: there is no token '{}'", *text));
      id = found->second;
      return {};
    };
    TERN_TRY(look_up(rules_.beginning, vocabulary_.beginning_of_text));
    TERN_TRY(look_up(rules_.end, vocabulary_.end_of_text));
    vocabulary_.add_beginning_of_text = rules_.beginning.has_value();
    vocabulary_.add_end_of_text = rules_.end.has_value();
    vocabulary_.add_space_prefix = rules_.adds_space_prefix;
    return {};
  }

  const JsonPlace& root_;
  TextRules rules_;
  Vocabulary vocabulary_;
  std::unordered_map<std::string, uint32_t> ids_;
  std::vector<bool> is_set_;  // by id
};

}  // namespace

Expected<Vocabulary> read_tokenizer_json(const std::string& folder_or_file) {
  std::error_code problem;
  const bool is_folder = fs::is_directory(folder_or_file, problem);
  const fs::path path = is_folder ? fs::path(folder_or_file) / "tokenizer.json" : fs::path(folder_or_file);
  TERN_ASSIGN(const json root, read_json_file(path.string()));
  Expected<Vocabulary> vocabulary = Reader(JsonPlace{&root, ""}).run();
  const auto with_path = [&](Error error) {
    error.where.file = path.string();
    return error;
  };
  if (!vocabulary) return with_path(vocabulary.error());
  TERN_TRY(read_tokenizer_config(path.parent_path().string(), *vocabulary));
  // A text cannot get what the vocabulary has no token for.
  if (!vocabulary->beginning_of_text) vocabulary->add_beginning_of_text = false;
  if (!vocabulary->end_of_text) vocabulary->add_end_of_text = false;
  if (const Status status = check(*vocabulary); !status) return with_path(status.error());
  return vocabulary;
}

Status pad_vocabulary(Vocabulary& vocabulary, uint32_t size) {
  while (vocabulary.tokens.size() > size && !vocabulary.types.empty() &&
         vocabulary.types.back() == TokenType::unused) {
    vocabulary.tokens.pop_back();
    vocabulary.types.pop_back();
    if (!vocabulary.scores.empty()) vocabulary.scores.pop_back();
  }
  if (vocabulary.tokens.size() > size) {
    return Error{fmt::format("the vocabulary has {} tokens, the model's table {} rows",
                             vocabulary.tokens.size(), size)};
  }
  const bool has_scores = !vocabulary.scores.empty();
  vocabulary.types.resize(vocabulary.tokens.size(), TokenType::normal);
  while (vocabulary.tokens.size() < size) {
    vocabulary.tokens.push_back(padding_text(vocabulary.tokens.size()));
    vocabulary.types.push_back(TokenType::unused);
    if (has_scores) vocabulary.scores.push_back(padding_score);
  }
  return {};
}

}  // namespace tern::runtime
