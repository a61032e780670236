// Regular expressions that a model's file brings: what they may hold, and how PCRE2 wants them written.
#pragma once

#include <string>
#include <string_view>

#include "base/expected.h"

namespace tern::runtime {

// Tells whether a pattern means the same to Oniguruma, for which the file was written, and to PCRE2 with
// Unicode properties. What may be in it: characters, classes without a class or "&&" inside, groups
// ("(?:", "(?i:", "(?>" and looking ahead or behind), quantifiers, and the escapes \p \P \s \S \d \D \r \n \t
// \x and those of punctuation. Not, for instance, \w (PCRE2 10.42 leaves out combining marks), \h
// (hexadecimal digits to one, white space to the other) and ^ (the beginning of a line or of the text).
Status check_foreign_pattern(std::string_view pattern);

// The pattern with \s and \S written out as Unicode's White_Space. PCRE2's own \s would add U+180E, which
// lost that property in Unicode 6.3. \S inside a class is left as it is.
std::string with_unicode_white_space(std::string_view pattern);

}  // namespace tern::runtime
