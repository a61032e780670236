// Numbers as people read them, without loss: seconds as microseconds, say.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tern {

// `value` * 10^shift in as few digits as tell it from every other double, the point moved in the text, so
// that nothing is rounded: print_decimal(1.25e-5, 6) is "12.5". What is not finite is a word, which
// parse_decimal refuses.
std::string print_decimal(double value, int shift = 0);

// The inverse: parse_decimal(print_decimal(x, s), s) == x. Nothing if the text is no finite number.
std::optional<double> parse_decimal(std::string_view text, int shift = 0);

// To four digits, which is what a measurement is worth: records are read by people.
double to_four_digits(double value);

}  // namespace tern
