// The text of one answer, while its tokens arrive.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/chat/thinking.h"
#include "runtime/generate/stop_strings.h"
#include "runtime/text/stream_decoder.h"

namespace tern::serve {

struct TextOptions {
  std::vector<std::string> stop_strings;
  bool splits_thoughts = false;        // else <think> is text like any other
  bool begins_inside_thought = false;  // the prompt has opened one
};

// All that comes out is whole characters of UTF-8, and stands before every stop string.
class AnswerText {
 public:
  explicit AnswerText(TextOptions options);

  // Takes the bytes of one more token (Tokenizer::decode), and returns the text that is now certain.
  std::vector<runtime::ThoughtPart> push(std::string_view bytes);
  // What was held back. Nothing after a stop string.
  std::vector<runtime::ThoughtPart> flush();

  bool stopped() const { return stops_.stopped(); }
  // The string that has ended the text. Precondition: stopped().
  const std::string& stop_string() const { return stop_string_; }

 private:
  std::vector<runtime::ThoughtPart> split(const std::string& text, bool is_end);
  std::string stop(const std::string& text);

  TextOptions options_;
  runtime::StreamDecoder decoder_;
  runtime::StopStrings stops_;
  runtime::ThinkingSplitter splitter_;
  std::string held_;  // text that went into stops_ and has not come out
  std::string stop_string_;
};

}  // namespace tern::serve
