#include "runtime/text/tokenizer_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file_mapping.h"
#include "runtime/text/json_file.h"
#include "runtime/text/token_types.h"

namespace tern::runtime {
namespace {

namespace fs = std::filesystem;
using Id = std::optional<uint32_t>;

constexpr size_t largest_template = size_t{4} << 20;  // bytes

bool exists(const std::string& path) {
  std::error_code problem;
  return fs::exists(path, problem);
}

Id find_token(const Vocabulary& vocabulary, const std::string& text) {
  const auto found = std::ranges::find(vocabulary.tokens, text);
  if (found == vocabulary.tokens.end()) return std::nullopt;
  return static_cast<uint32_t>(found - vocabulary.tokens.begin());
}

// The id of the token that a member names by its text, or by an object with the text.
Status read_token(const JsonPlace& root, std::string_view key, bool must_exist, const Vocabulary& vocabulary,
                  Id& id) {
  TERN_ASSIGN(const auto member, root.find(key));
  if (!member || id) return {};
  TERN_ASSIGN(const JsonPlace content,
              member->value->is_object() ? member->get("content") : Expected<JsonPlace>(*member));
  TERN_ASSIGN(const std::string text, content.text());
  id = find_token(vocabulary, text);
  if (!id && must_exist) return content.error(fmt::format("there is no token '{}'", text));
  return {};
}

// `end` is the eos_token of the files read so far. It differs from the end of text where a post-processor
// appends another token.
Status read_named_tokens(const JsonPlace& root, Vocabulary& vocabulary, Id& end) {
  TERN_TRY(read_token(root, "bos_token", true, vocabulary, vocabulary.beginning_of_text));
  TERN_TRY(read_token(root, "eos_token", true, vocabulary, end));
  if (!vocabulary.end_of_text) vocabulary.end_of_text = end;
  if (end != vocabulary.end_of_text && end) vocabulary.end_of_turn = end;
  TERN_TRY(read_token(root, "unk_token", false, vocabulary, vocabulary.unknown));
  TERN_TRY(read_token(root, "pad_token", false, vocabulary, vocabulary.padding));
  return {};
}

Status read_template(const JsonPlace& root, std::string& chat_template) {
  TERN_ASSIGN(const auto member, root.find("chat_template"));
  if (!member) return {};
  if (!member->value->is_array()) {
    TERN_ASSIGN(chat_template, member->text());
    return {};
  }
  TERN_ASSIGN(const auto named, member->elements());
  for (const JsonPlace& place : named) {
    TERN_ASSIGN(const JsonPlace name_place, place.get("name"));
    TERN_ASSIGN(const std::string name, name_place.text());
    TERN_ASSIGN(const JsonPlace text_place, place.get("template"));
    TERN_ASSIGN(std::string text, text_place.text());
    if (name == "default" || chat_template.empty()) chat_template = std::move(text);
  }
  return {};
}

// add_bos_token and add_eos_token.
Status read_additions(const JsonPlace& root, Vocabulary& vocabulary) {
  TERN_ASSIGN(const std::string kind, root.text_of("tokenizer_class", ""));
  const bool begins = kind.starts_with("LlamaTokenizer") || kind.starts_with("GemmaTokenizer") ||
                      vocabulary.add_beginning_of_text.value_or(false);
  TERN_ASSIGN(vocabulary.add_beginning_of_text, root.flag_of("add_bos_token", begins));
  TERN_ASSIGN(vocabulary.add_end_of_text,
              root.flag_of("add_eos_token", vocabulary.add_end_of_text.value_or(false)));
  return {};
}

Status read_config(const JsonPlace& root, Vocabulary& vocabulary, Id& end) {
  TERN_TRY(read_additions(root, vocabulary));
  TERN_TRY(read_named_tokens(root, vocabulary, end));
  return read_template(root, vocabulary.chat_template);
}

Status add_end(const JsonPlace& place, Vocabulary& vocabulary) {
  TERN_ASSIGN(const uint32_t id, place.id());
  if (id >= vocabulary.tokens.size()) {
    return place.error(fmt::format("{} is not below the {} tokens", id, vocabulary.tokens.size()));
  }
  for (Id* slot : {&vocabulary.end_of_text, &vocabulary.end_of_turn, &vocabulary.end_of_message}) {
    if (*slot == id) return {};
    if (!*slot) {
      *slot = id;
      return {};
    }
  }
  if (is_known_end(vocabulary.tokens[id])) return {};
  return place.error(fmt::format("'{}' is one end of text too many", vocabulary.tokens[id]));
}

Status read_id(const JsonPlace& root, std::string_view key, const Vocabulary& vocabulary, Id& id) {
  TERN_ASSIGN(const auto member, root.find(key));
  if (!member || id) return {};
  TERN_ASSIGN(const uint32_t value, member->id());
  if (value >= vocabulary.tokens.size()) {
    return member->error(fmt::format("{} is not below the {} tokens", value, vocabulary.tokens.size()));
  }
  id = value;
  return {};
}

Status read_generation_config(const JsonPlace& root, Vocabulary& vocabulary, Id&) {
  TERN_TRY(read_id(root, "bos_token_id", vocabulary, vocabulary.beginning_of_text));
  TERN_TRY(read_id(root, "pad_token_id", vocabulary, vocabulary.padding));
  TERN_ASSIGN(const auto ends, root.find("eos_token_id"));
  if (!ends) return {};
  if (!ends->value->is_array()) return add_end(*ends, vocabulary);
  TERN_ASSIGN(auto list, ends->elements());
  // Ends that are known by their texts come last: they need no place.
  for (const bool known : {false, true}) {
    for (const JsonPlace& place : list) {
      TERN_ASSIGN(const uint32_t id, place.id());
      const bool is_known = id < vocabulary.tokens.size() && is_known_end(vocabulary.tokens[id]);
      if (is_known == known) TERN_TRY(add_end(place, vocabulary));
    }
  }
  return {};
}

using Read = Status (*)(const JsonPlace&, Vocabulary&, Id&);

Status read_file(const std::string& path, Read read, Vocabulary& vocabulary, Id& end) {
  if (!exists(path)) return {};
  TERN_ASSIGN(const nlohmann::json json, read_json_file(path));
  Status status = read(JsonPlace{&json, ""}, vocabulary, end);
  if (status) return status;
  Error error = status.error();
  error.where.file = path;
  return error;
}

Status read_jinja(const std::string& path, std::string& chat_template) {
  if (!exists(path)) return {};
  TERN_ASSIGN(const FileMapping file, map_file(path));
  if (file.bytes().size() > largest_template) return Error{"is too large for a template", {path}};
  chat_template.assign(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  return {};
}

}  // namespace

Status read_tokenizer_config(const std::string& folder, Vocabulary& vocabulary) {
  const auto path = [&](std::string_view name) { return (fs::path(folder) / name).string(); };
  Id end;
  TERN_TRY(read_file(path("tokenizer_config.json"), read_config, vocabulary, end));
  TERN_TRY(read_file(path("special_tokens_map.json"), read_named_tokens, vocabulary, end));
  TERN_TRY(read_file(path("generation_config.json"), read_generation_config, vocabulary, end));
  if (vocabulary.chat_template.size() > largest_template) {
    return Error{"chat_template: is too large", {path("tokenizer_config.json")}};
  }
  return read_jinja(path("chat_template.jinja"), vocabulary.chat_template);
}

}  // namespace tern::runtime
