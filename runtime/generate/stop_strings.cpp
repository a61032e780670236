#include "runtime/generate/stop_strings.h"

#include <algorithm>
#include <utility>

namespace tern::runtime {

StopStrings::StopStrings(std::vector<std::string> strings) : strings_(std::move(strings)) {
  std::erase(strings_, std::string());
}

std::string StopStrings::push(std::string_view text) {
  if (stopped_) return {};
  if (strings_.empty()) return std::string(text);
  for (const char c : text) {
    pending_ += c;
    size_t longest = 0;
    for (const std::string& stop : strings_) {
      if (pending_.ends_with(stop)) longest = std::max(longest, stop.size());
    }
    if (longest == 0) continue;
    stopped_ = true;
    pending_.resize(pending_.size() - longest);
    return std::exchange(pending_, {});
  }
  size_t held = 0;
  for (const std::string& stop : strings_) {
    for (size_t size = std::min(stop.size() - 1, pending_.size()); size > held; --size) {
      if (pending_.ends_with(std::string_view(stop).substr(0, size))) held = size;
    }
  }
  std::string certain = pending_.substr(0, pending_.size() - held);
  pending_.erase(0, certain.size());
  return certain;
}

std::string StopStrings::flush() {
  return std::exchange(pending_, {});
}

}  // namespace tern::runtime
