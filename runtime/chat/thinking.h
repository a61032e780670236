// What a model thinks, told from what it answers, while its text arrives.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tern::runtime {

struct ThoughtPart {
  bool thought = false;
  std::string text;
  bool operator==(const ThoughtPart&) const = default;
};

// Splits at <think> and </think>, which may arrive in pieces. White space around a thought, and before the
// answer that follows one, is dropped.
class ThinkingSplitter {
 public:
  // With `begins_inside` the text begins inside a thought: the prompt has opened it.
  explicit ThinkingSplitter(bool begins_inside = false)
      : inside_(begins_inside), drop_space_(begins_inside) {}

  // The parts that are complete with this text; what may be the beginning of a tag is held back.
  std::vector<ThoughtPart> push(std::string_view text);
  // Ends the text: what was held back.
  std::vector<ThoughtPart> flush();
  bool inside() const { return inside_; }

 private:
  void add(std::vector<ThoughtPart>& parts, std::string_view text);

  std::string pending_;  // what may become a tag
  std::string space_;    // white space that ended the last piece of a thought
  bool inside_;
  bool drop_space_;  // until the next other character
};

// Whether a prompt leaves a thought open, as Qwen3.5's templates do: it ends in <think> and white space.
bool opens_thought(std::string_view prompt);

}  // namespace tern::runtime
