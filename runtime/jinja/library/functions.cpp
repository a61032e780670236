#include "runtime/jinja/library/functions.h"

#include <fmt/format.h>

#include "runtime/jinja/values/value_text.h"

namespace tern::runtime::jinja {
namespace {

const Signature range_signature{"range", {"start", "stop", "step"}, 1};

Result range(Arguments arguments, const Context& context) {
  TERN_ASSIGN(const int64_t first, integer_argument(arguments, 0, range_signature));
  TERN_ASSIGN(const int64_t second, integer_argument(arguments, 1, range_signature));
  TERN_ASSIGN(const int64_t step, integer_argument(arguments, 2, range_signature, 1));
  if (step == 0) return fail("the step of a range must not be 0");
  const int64_t start = arguments[1] ? first : 0, stop = arguments[1] ? second : first;
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (!context.budget.make(2 * sizeof(Value))) return context.budget.error();
    items.push_back(Value::integer(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return Value::list(std::move(items));
}

Result raise_exception(Arguments arguments, const Context& context) {
  return fail("the template refuses this conversation: " + to_text(*arguments[0], context.budget));
}

const Signature time_signature{"strftime_now", {"format"}, 1};

// The directives that templates use, in English whatever the user's locale is.
Result strftime_now(Arguments arguments, const Context& context) {
  static constexpr std::string_view months[] = {"January",   "February", "March",    "April",
                                                "May",       "June",     "July",     "August",
                                                "September", "October",  "November", "December"};
  static constexpr std::string_view days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                              "Thursday", "Friday", "Saturday"};
  TERN_ASSIGN(const std::string format, string_argument(arguments, 0, time_signature));
  if (!context.budget.make(10 * format.size())) return context.budget.error();
  const std::tm& now = context.now;
  const std::string_view month = months[now.tm_mon], day = days[now.tm_wday];
  std::string text;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      text += format[i];
      continue;
    }
    switch (format[++i]) {
      case 'Y': text += fmt::format("{}", now.tm_year + 1900); break;
      case 'y': text += fmt::format("{:02}", now.tm_year % 100); break;
      case 'm': text += fmt::format("{:02}", now.tm_mon + 1); break;
      case 'd': text += fmt::format("{:02}", now.tm_mday); break;
      case 'H': text += fmt::format("{:02}", now.tm_hour); break;
      case 'I': text += fmt::format("{:02}", (now.tm_hour + 11) % 12 + 1); break;
      case 'M': text += fmt::format("{:02}", now.tm_min); break;
      case 'S': text += fmt::format("{:02}", now.tm_sec); break;
      case 'j': text += fmt::format("{:03}", now.tm_yday + 1); break;
      case 'p': text += now.tm_hour < 12 ? "AM" : "PM"; break;
      case 'B': text += month; break;
      case 'b': text += month.substr(0, 3); break;
      case 'A': text += day; break;
      case 'a': text += day.substr(0, 3); break;
      case '%': text += '%'; break;
      default: return fail(fmt::format("strftime_now: '%{}' is not supported", format[i]));
    }
  }
  return Value::string(std::move(text));
}

}  // namespace

std::span<const FunctionEntry> functions() {
  static const FunctionEntry table[] = {
      {range_signature, range},
      {{"raise_exception", {"message"}, 1}, raise_exception},
      {time_signature, strftime_now},
  };
  return table;
}

const FunctionEntry* find_function(std::string_view name) {
  for (const FunctionEntry& entry : functions()) {
    if (entry.signature.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace tern::runtime::jinja
