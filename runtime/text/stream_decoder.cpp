#include "runtime/text/stream_decoder.h"

#include "base/utf8.h"

namespace tern::runtime {
namespace {
constexpr std::string_view replacement_character = "\xef\xbf\xbd";
}  // namespace

std::string StreamDecoder::push(std::string_view bytes) {
  if (drop_first_space_ && !bytes.empty()) {
    if (bytes.front() == ' ') bytes.remove_prefix(1);
    drop_first_space_ = false;
  }
  pending_ += bytes;
  std::string text;
  size_t at = 0;
  while (at < pending_.size()) {
    const Utf8Step step = utf8_step(std::string_view(pending_).substr(at));
    if (step.kind == Utf8Kind::incomplete) break;
    if (step.kind == Utf8Kind::character) {
      text.append(pending_, at, step.length);
    } else {
      text += replacement_character;
    }
    at += step.length;
  }
  pending_.erase(0, at);
  return text;
}

std::string StreamDecoder::flush() {
  std::string text;
  if (!pending_.empty()) text = replacement_character;
  pending_.clear();
  return text;
}

}  // namespace tern::runtime
