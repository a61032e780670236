// The rules of JSON texts (RFC 8259).
#pragma once

#include <cstdint>

#include "runtime/grammar/grammar_rules.h"

namespace tern::runtime {

// Numbers of rules. There is no white space but one space, at will, behind commas and colons.
struct JsonRules {
  int value, object, string, number, boolean, null;
  int character;  // of a string: a letter as UTF-8, or an escape that stands for one of the basic plane
  int comma, colon;
};
JsonRules add_json_rules(GrammarRules& grammar);

// Integers from `least` to `most`, without zeros in front; none if least > most. At most 15 digits.
int add_integers(GrammarRules& grammar, int64_t least, int64_t most);

}  // namespace tern::runtime
