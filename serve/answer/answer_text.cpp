#include "serve/answer/answer_text.h"

#include <algorithm>

namespace tern::serve {

AnswerText::AnswerText(TextOptions options)
    : options_(std::move(options)),
      stops_(options_.stop_strings),
      splitter_(options_.begins_inside_thought) {}

std::string AnswerText::stop(const std::string& text) {
  if (stops_.stopped()) return {};
  held_ += text;
  const std::string certain = stops_.push(text);
  held_.erase(0, certain.size());
  if (stops_.stopped()) {
    // Of those that begin here the shortest was complete first.
    for (const std::string& each : options_.stop_strings) {
      const bool is_better = stop_string_.empty() || each.size() < stop_string_.size();
      if (!each.empty() && is_better && held_.starts_with(each)) stop_string_ = each;
    }
  }
  return certain;
}

std::vector<runtime::ThoughtPart> AnswerText::split(const std::string& text, bool is_end) {
  if (!options_.splits_thoughts) {
    if (text.empty()) return {};
    return {{false, text}};
  }
  std::vector<runtime::ThoughtPart> parts = splitter_.push(text);
  if (!is_end) return parts;
  for (runtime::ThoughtPart& part : splitter_.flush()) parts.push_back(std::move(part));
  return parts;
}

std::vector<runtime::ThoughtPart> AnswerText::push(std::string_view bytes) {
  const std::string text = stop(decoder_.push(bytes));
  return split(text, stopped());
}

std::vector<runtime::ThoughtPart> AnswerText::flush() {
  if (stopped()) return {};
  std::string text = stop(decoder_.flush());
  if (!stopped()) text += stops_.flush();
  return split(text, true);
}

}  // namespace tern::serve
