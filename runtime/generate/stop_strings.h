// Ends a text that arrives in pieces just before one of some strings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tern::runtime {

// The string that is complete first ends the text, the longest if several are at one place; so it does not
// matter into which pieces the text is cut.
class StopStrings {
 public:
  // Empty strings never end a text.
  explicit StopStrings(std::vector<std::string> strings = {});

  // Takes more text and returns what is now certain to stand before every stop string: an end that may be the
  // beginning of one is held back. Nothing once the text has ended.
  std::string push(std::string_view text);
  // What was held back; nothing if a string has ended the text.
  std::string flush();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> strings_;
  std::string pending_;
  bool stopped_ = false;
};

}  // namespace tern::runtime
