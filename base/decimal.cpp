#include "base/decimal.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace tern {
namespace {

// digits[0].digits[1]... * 10^exponent
struct Scientific {
  std::string_view sign = "";
  std::string digits;
  int exponent = 0;
};

Scientific shortest(double value) {
  char buffer[32] = {};  // atoi needs an end
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t e = text.find('e');
  Scientific result;
  for (const char c : text.substr(0, e)) {
    if (c == '-') result.sign = "-";
    if (c >= '0' && c <= '9') result.digits += c;
  }
  result.exponent = std::stoi(std::string(text.substr(e + 1)));
  return result;
}

}  // namespace

std::string print_decimal(double value, int shift) {
  if (!std::isfinite(value)) return fmt::format("{}", value);
  if (value == 0) return std::signbit(value) ? "-0" : "0";
  const auto [sign, digits, unshifted] = shortest(value);
  const int exponent = unshifted + shift;
  const int count = static_cast<int>(digits.size());
  if (exponent < -5 || exponent > 15) {
    const std::string point = count > 1 ? "." : "";
    return fmt::format("{}{}{}{}e{}", sign, digits[0], point, digits.substr(1), exponent);
  }
  if (exponent < 0) return fmt::format("{}0.{}{}", sign, std::string(-exponent - 1, '0'), digits);
  if (exponent >= count - 1)
    return fmt::format("{}{}{}", sign, digits, std::string(exponent - count + 1, '0'));
  return fmt::format("{}{}.{}", sign, digits.substr(0, exponent + 1), digits.substr(exponent + 1));
}

std::optional<double> parse_decimal(std::string_view text, int shift) {
  int exponent = 0;
  const size_t e = text.find('e');
  const std::string_view mantissa = text.substr(0, e);
  if (e != std::string_view::npos) {
    const char* end = text.data() + text.size();
    if (const auto read = std::from_chars(text.data() + e + 1, end, exponent);
        read.ec != std::errc() || read.ptr != end || std::abs(exponent) > 1000)
      return std::nullopt;
  }
  if (mantissa.empty() || mantissa.find_first_not_of("-.0123456789") != std::string_view::npos)
    return std::nullopt;
  const std::string whole = fmt::format("{}e{}", mantissa, exponent - shift);
  double value = 0;
  const auto read = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  if (read.ec != std::errc() || read.ptr != whole.data() + whole.size()) return std::nullopt;
  return value;
}

double to_four_digits(double value) {
  return std::stod(fmt::format("{:.4g}", value));
}

}  // namespace tern
