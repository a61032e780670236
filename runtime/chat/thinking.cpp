#include "runtime/chat/thinking.h"

#include <algorithm>
#include <utility>

namespace tern::runtime {
namespace {

constexpr std::string_view begin_tag = "<think>", end_tag = "</think>", blanks = " \t\r\n";

// The length of the longest end of `text` that a tag begins with.
size_t begun_tag(std::string_view text, std::string_view tag) {
  for (size_t length = std::min(text.size(), tag.size() - 1); length > 0; --length) {
    if (text.ends_with(tag.substr(0, length))) return length;
  }
  return 0;
}

}  // namespace

void ThinkingSplitter::add(std::vector<ThoughtPart>& parts, std::string_view text) {
  if (drop_space_) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    if (!text.empty()) drop_space_ = false;
  }
  if (text.empty()) return;
  std::string shown(text);
  if (inside_) {
    shown.insert(0, std::exchange(space_, {}));
    const size_t last = shown.find_last_not_of(blanks);
    const size_t end = last == shown.npos ? 0 : last + 1;
    space_ = shown.substr(end);
    shown.resize(end);
    if (shown.empty()) return;
  }
  if (!parts.empty() && parts.back().thought == inside_) {
    parts.back().text += shown;
  } else {
    parts.push_back({inside_, std::move(shown)});
  }
}

std::vector<ThoughtPart> ThinkingSplitter::push(std::string_view text) {
  pending_ += text;
  std::vector<ThoughtPart> parts;
  while (true) {
    const std::string_view tag = inside_ ? end_tag : begin_tag;
    const size_t at = pending_.find(tag);
    if (at == pending_.npos) break;
    add(parts, std::string_view(pending_).substr(0, at));
    pending_.erase(0, at + tag.size());
    inside_ = !inside_;
    space_.clear();
    drop_space_ = true;
  }
  const size_t held = begun_tag(pending_, inside_ ? end_tag : begin_tag);
  add(parts, std::string_view(pending_).substr(0, pending_.size() - held));
  pending_.erase(0, pending_.size() - held);
  return parts;
}

std::vector<ThoughtPart> ThinkingSplitter::flush() {
  std::vector<ThoughtPart> parts;
  add(parts, std::exchange(pending_, {}));
  return parts;
}

bool opens_thought(std::string_view prompt) {
  const size_t last = prompt.find_last_not_of(blanks);
  return last != prompt.npos && prompt.substr(0, last + 1).ends_with(begin_tag);
}

}  // namespace tern::runtime
