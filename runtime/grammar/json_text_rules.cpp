#include "runtime/grammar/json_text_rules.h"

#include <algorithm>
#include <string>

namespace tern::runtime {
namespace {

const ByteSet digits = byte_range('0', '9');

GrammarSequence text(std::string_view bytes) {
  GrammarSequence sequence;
  append_text(sequence, bytes);
  return sequence;
}

GrammarSequence bytes(std::initializer_list<ByteSet> sets) {
  GrammarSequence sequence;
  for (const ByteSet& set : sets) append_bytes(sequence, set);
  return sequence;
}

// Table 3-7 of the Unicode Standard, and the escapes of RFC 8259, section 7.
std::vector<GrammarSequence> characters() {
  ByteSet plain = byte_range(0x20, 0x7f);
  plain.reset('"').reset('\\');
  const ByteSet tail = byte_range(0x80, 0xbf);
  const auto lead = [](unsigned char first, unsigned char last) { return byte_range(first, last); };
  const ByteSet hex = digits | byte_range('a', 'f') | byte_range('A', 'F');
  ByteSet not_d = hex;
  not_d.reset('d').reset('D');
  const ByteSet slash = one_byte('\\'), u = one_byte('u');
  ByteSet short_escape;
  for (const char c : std::string_view("\"\\/bfnrt")) short_escape.set(static_cast<unsigned char>(c));
  return {bytes({plain}),
          bytes({lead(0xc2, 0xdf), tail}),
          bytes({one_byte(0xe0), lead(0xa0, 0xbf), tail}),
          bytes({lead(0xe1, 0xec), tail, tail}),
          bytes({one_byte(0xed), lead(0x80, 0x9f), tail}),
          bytes({lead(0xee, 0xef), tail, tail}),
          bytes({one_byte(0xf0), lead(0x90, 0xbf), tail, tail}),
          bytes({lead(0xf1, 0xf3), tail, tail, tail}),
          bytes({one_byte(0xf4), lead(0x80, 0x8f), tail, tail}),
          bytes({slash, short_escape}),
          bytes({slash, u, not_d, hex, hex, hex}),
          bytes({slash, u, one_byte('d') | one_byte('D'), byte_range('0', '7'), hex, hex})};
}

// At least one and at most `most` digits.
int add_digits(GrammarRules& grammar, int most) {
  int rest = grammar.add({{}});
  for (int i = 1; i < most; ++i) {
    GrammarSequence more = bytes({digits});
    append_rule(more, rest);
    rest = grammar.add({{}, std::move(more)});
  }
  GrammarSequence all = bytes({digits});
  append_rule(all, rest);
  return grammar.add({std::move(all)});
}

// Numbers of as many digits as `least` and `most` have, from one to the other.
void add_same_length(std::vector<GrammarSequence>& alternatives, GrammarSequence before,
                     std::string_view least, std::string_view most) {
  if (least.empty()) {
    alternatives.push_back(std::move(before));
    return;
  }
  const auto digit = [](char c) { return static_cast<unsigned char>(c); };
  const auto with = [&](unsigned char first, unsigned char last) {
    GrammarSequence longer = before;
    append_bytes(longer, byte_range(first, last));
    return longer;
  };
  const bool from_zero = least.find_first_not_of('0') == least.npos;
  const bool to_nine = most.find_first_not_of('9') == most.npos;
  if (from_zero && to_nine) {
    for (size_t i = 0; i < least.size(); ++i) append_bytes(before, digits);
    alternatives.push_back(std::move(before));
    return;
  }
  const unsigned char low = digit(least[0]), high = digit(most[0]);
  const std::string nines(least.size() - 1, '9'), zeros(least.size() - 1, '0');
  if (low == high) return add_same_length(alternatives, with(low, low), least.substr(1), most.substr(1));
  add_same_length(alternatives, with(low, low), least.substr(1), nines);
  if (low + 1 < high)
    add_same_length(alternatives,
                    with(static_cast<unsigned char>(low + 1), static_cast<unsigned char>(high - 1)), zeros,
                    nines);
  add_same_length(alternatives, with(high, high), zeros, most.substr(1));
}

// 0 <= least <= most.
void add_range(std::vector<GrammarSequence>& alternatives, const GrammarSequence& before, int64_t least,
               int64_t most) {
  while (least <= most) {
    const std::string first = std::to_string(least);
    const std::string longest(first.size(), '9');
    const int64_t last = std::min<int64_t>(most, std::stoll(longest));
    add_same_length(alternatives, before, first, std::to_string(last));
    least = last + 1;
  }
}

}  // namespace

int add_integers(GrammarRules& grammar, int64_t least, int64_t most) {
  std::vector<GrammarSequence> alternatives;
  if (most >= 0) add_range(alternatives, {}, std::max<int64_t>(least, 0), most);
  if (least < 0) add_range(alternatives, text("-"), std::max<int64_t>(-most, 1), -least);
  return grammar.add(std::move(alternatives));
}

JsonRules add_json_rules(GrammarRules& grammar) {
  JsonRules json;
  json.value = grammar.add({});
  json.comma = grammar.add({text(","), text(", ")});
  json.colon = grammar.add({text(":"), text(": ")});
  json.null = grammar.add({text("null")});
  json.boolean = grammar.add({text("true"), text("false")});

  json.character = grammar.add(characters());
  const int inside = grammar.add({});
  GrammarSequence more;
  append_rule(more, json.character);
  append_rule(more, inside);
  grammar.rules[static_cast<size_t>(inside)] = {{}, std::move(more)};
  const auto between = [&](std::string_view open, int rule, std::string_view close) {
    GrammarSequence sequence = text(open);
    append_rule(sequence, rule);
    append_text(sequence, close);
    return sequence;
  };
  json.string = grammar.add({between("\"", inside, "\"")});

  // A sign alone before 0 is allowed by JSON, and so is -0.5.
  GrammarSequence long_number = bytes({byte_range('1', '9')});
  GrammarSequence more_digits;
  append_rule(more_digits, add_digits(grammar, 14));
  append_rule(long_number, grammar.add({{}, std::move(more_digits)}));
  const int whole = grammar.add({text("0"), std::move(long_number)});
  GrammarSequence fraction = text(".");
  append_rule(fraction, add_digits(grammar, 15));
  const int after = grammar.add({{}, std::move(fraction)});
  GrammarSequence positive, negative = text("-");
  for (GrammarSequence* sequence : {&positive, &negative}) {
    append_rule(*sequence, whole);
    append_rule(*sequence, after);
  }
  json.number = grammar.add({std::move(positive), std::move(negative)});

  // Lists of items: nothing, or an item and what follows it.
  const auto list = [&](int item) {
    const int rest = grammar.add({});
    GrammarSequence next;
    append_rule(next, json.comma);
    append_rule(next, item);
    append_rule(next, rest);
    grammar.rules[static_cast<size_t>(rest)] = {{}, std::move(next)};
    GrammarSequence first;
    append_rule(first, item);
    append_rule(first, rest);
    return grammar.add({{}, std::move(first)});
  };
  GrammarSequence member;
  append_rule(member, json.string);
  append_rule(member, json.colon);
  append_rule(member, json.value);
  json.object = grammar.add({between("{", list(grammar.add({std::move(member)})), "}")});
  const int array = grammar.add({between("[", list(json.value), "]")});
  std::vector<GrammarSequence> kinds;
  for (const int kind : {json.object, array, json.string, json.number, json.boolean, json.null})
    append_rule(kinds.emplace_back(), kind);
  grammar.rules[static_cast<size_t>(json.value)] = std::move(kinds);
  return json;
}

}  // namespace tern::runtime
