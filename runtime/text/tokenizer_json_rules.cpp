#include "runtime/text/tokenizer_json_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace tern::runtime {
namespace {

constexpr std::string_view space_mark = "\xe2\x96\x81";  // U+2581

Error unsupported(const JsonPlace& place, std::string_view what) {
  return place.error(fmt::format("'{}' is not supported", what));
}

// Calls `read(part, rules)` for the object or, if it is a Sequence, for each part of it under `key`.
template <class Read>
Status for_each_part(const JsonPlace& place, std::string_view key, TextRules& rules, const Read& read,
                     int depth = 0) {
  TERN_ASSIGN(const JsonPlace type_place, place.get("type"));
  TERN_ASSIGN(const std::string type, type_place.text());
  if (type != "Sequence") return read(place, type, rules);
  if (depth > 8) return place.error("sequences are nested too deep");
  TERN_ASSIGN(const JsonPlace list, place.get(key));
  TERN_ASSIGN(const auto parts, list.elements());
  for (const JsonPlace& part : parts) TERN_TRY(for_each_part(part, key, rules, read, depth + 1));
  return {};
}

// A pattern of the form {"String": text} or {"Regex": text}.
struct Pattern {
  bool is_regex;
  std::string text;
};

Expected<Pattern> read_pattern(const JsonPlace& place) {
  TERN_ASSIGN(const JsonPlace pattern, place.get("pattern"));
  TERN_ASSIGN(const auto regex, pattern.find("Regex"));
  TERN_ASSIGN(const JsonPlace where, regex ? Expected<JsonPlace>(*regex) : pattern.get("String"));
  TERN_ASSIGN(std::string text, where.text());
  return Pattern{regex.has_value(), std::move(text)};
}

Status read_normalizer(const JsonPlace& place, const std::string& type, TextRules& rules) {
  if (type == "NFC") {
    rules.splitting.normalizes_nfc = true;
  } else if (type == "Prepend") {
    TERN_ASSIGN(const JsonPlace text_place, place.get("prepend"));
    TERN_ASSIGN(const std::string text, text_place.text());
    if (text != space_mark) return unsupported(text_place, text);
    rules.adds_space_prefix = true;
  } else if (type == "Replace") {
    TERN_ASSIGN(const Pattern pattern, read_pattern(place));
    TERN_ASSIGN(const JsonPlace content_place, place.get("content"));
    TERN_ASSIGN(const std::string content, content_place.text());
    if (pattern.is_regex || pattern.text != " " || content != space_mark) {
      return place.error(fmt::format("replacing '{}' by '{}' is not supported", pattern.text, content));
    }
    rules.marks_spaces = true;
  } else {
    return unsupported(place, type);
  }
  return {};
}

// The regular expression that matches just this text.
std::string literal_pattern(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (std::string_view(R"(\^$.|?*+()[]{}-)").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

// CR and LF as \r and \n: files have either, and the table of rules has the latter.
std::string with_line_ends_escaped(std::string_view pattern) {
  std::string result;
  for (const char c : pattern) {
    if (c == '\r') {
      result += R"(\r)";
    } else if (c == '\n') {
      result += R"(\n)";
    } else {
      result += c;
    }
  }
  return result;
}

Status read_split(const JsonPlace& place, TextRules& rules) {
  TERN_ASSIGN(const Pattern pattern, read_pattern(place));
  if (rules.marks_spaces && !pattern.is_regex && pattern.text == " ") return {};  // there is none any more
  TERN_ASSIGN(const std::string behavior, place.text_of("behavior", "Isolated"));
  TERN_ASSIGN(const bool invert, place.flag_of("invert", false));
  if (pattern.text.empty()) return place.error("the pattern is empty");
  std::string regex = with_line_ends_escaped(pattern.is_regex ? pattern.text : literal_pattern(pattern.text));
  // What a pattern of the table matches leaves nothing between, so that nothing can be removed.
  const bool keeps_all =
      (behavior == "Isolated" && !invert) || (behavior == "Removed" && invert && is_known_pattern(regex));
  if (!keeps_all) {
    return place.error(fmt::format("behavior '{}'{} with the pattern '{}' is not supported", behavior,
                                   invert ? ", inverted," : "", pattern.text));
  }
  rules.splitting.patterns.push_back(std::move(regex));
  return {};
}

Status read_byte_level(const JsonPlace& place, TextRules& rules) {
  TERN_ASSIGN(const bool adds_space, place.flag_of("add_prefix_space", true));
  TERN_ASSIGN(const bool uses_regex, place.flag_of("use_regex", true));
  if (adds_space) return place.error("add_prefix_space is not supported in byte-level BPE");
  if (uses_regex) rules.splitting.patterns.emplace_back(gpt2_pattern());
  rules.is_byte_level = true;
  return {};
}

Status read_metaspace(const JsonPlace& place, TextRules& rules) {
  TERN_ASSIGN(const std::string mark, place.text_of("replacement", space_mark));
  TERN_ASSIGN(const bool adds_space, place.flag_of("add_prefix_space", true));
  TERN_ASSIGN(const std::string scheme, place.text_of("prepend_scheme", adds_space ? "always" : "never"));
  TERN_ASSIGN(const bool splits, place.flag_of("split", true));
  if (mark != space_mark) return place.error(fmt::format("replacement '{}' is not supported", mark));
  if (splits) return place.error("cutting words apart (split) is not supported");
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    return place.error(fmt::format("prepend_scheme '{}' is not supported", scheme));
  }
  rules.marks_spaces = true;
  if (scheme != "never") rules.adds_space_prefix = true;
  return {};
}

Status read_pre_tokenizer(const JsonPlace& place, const std::string& type, TextRules& rules) {
  if (rules.is_byte_level) return place.error(fmt::format("'{}' after ByteLevel is not supported", type));
  if (type == "Split") return read_split(place, rules);
  if (type == "ByteLevel") return read_byte_level(place, rules);
  if (type == "Metaspace") return read_metaspace(place, rules);
  if (type == "Digits") {
    TERN_ASSIGN(const bool one_by_one, place.flag_of("individual_digits", false));
    rules.splitting.patterns.emplace_back(one_by_one ? R"(\p{N})" : R"(\p{N}+)");
    return {};
  }
  if (type == "Punctuation") {
    TERN_ASSIGN(const std::string behavior, place.text_of("behavior", "Isolated"));
    if (behavior != "Isolated" && behavior != "Contiguous") return unsupported(place, behavior);
    const std::string mark = R"([!-\/:-@\[-`\{-~\p{P}])";
    rules.splitting.patterns.push_back(behavior == "Isolated" ? mark : mark + "+");
    return {};
  }
  return unsupported(place, type);
}

// `single` of a TemplateProcessing: what stands before and after the text.
Status read_template(const JsonPlace& place, TextRules& rules) {
  TERN_ASSIGN(const JsonPlace single, place.get("single"));
  TERN_ASSIGN(const auto parts, single.elements());
  bool text_was_there = false;
  for (const JsonPlace& part : parts) {
    TERN_ASSIGN(const auto special, part.find("SpecialToken"));
    if (!special) {
      TERN_ASSIGN(const JsonPlace sequence, part.get("Sequence"));
      if (text_was_there) return sequence.error("the text comes twice");
      text_was_there = true;
      continue;
    }
    TERN_ASSIGN(const JsonPlace id, special->get("id"));
    TERN_ASSIGN(const std::string text, id.text());
    std::optional<std::string>& slot = text_was_there ? rules.end : rules.beginning;
    if (slot && *slot != text)
      return id.error("only one token before the text and one after it are supported");
    slot = text;
  }
  if (!text_was_there) return single.error("the text is not in it");
  return {};
}

Status read_post_processor(const JsonPlace& place, const std::string& type, TextRules& rules) {
  if (type == "ByteLevel") return {};  // shifts offsets, which nobody asks for
  if (type == "TemplateProcessing") return read_template(place, rules);
  return unsupported(place, type);
}

// Decoding follows from the model; here is only checked that nothing else is asked for.
Status check_decoder(const JsonPlace& place, const std::string& type, TextRules&) {
  constexpr std::array<std::string_view, 6> known = {"ByteLevel", "Replace", "ByteFallback",
                                                     "Fuse",      "Strip",   "Metaspace"};
  if (std::ranges::find(known, type) == known.end()) return unsupported(place, type);
  return {};
}

}  // namespace

Expected<TextRules> read_text_rules(const JsonPlace& root) {
  TextRules rules;
  TERN_ASSIGN(const auto normalizer, root.find("normalizer"));
  if (normalizer) TERN_TRY(for_each_part(*normalizer, "normalizers", rules, read_normalizer));
  TERN_ASSIGN(const auto pre_tokenizer, root.find("pre_tokenizer"));
  if (pre_tokenizer) TERN_TRY(for_each_part(*pre_tokenizer, "pretokenizers", rules, read_pre_tokenizer));
  TERN_ASSIGN(const auto post_processor, root.find("post_processor"));
  if (post_processor) TERN_TRY(for_each_part(*post_processor, "processors", rules, read_post_processor));
  TERN_ASSIGN(const auto decoder, root.find("decoder"));
  if (decoder) TERN_TRY(for_each_part(*decoder, "decoders", rules, check_decoder));
  return rules;
}

}  // namespace tern::runtime
