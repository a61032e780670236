// Cuts text into the pieces that byte-level BPE then works on one by one; no token spans two pieces.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"

struct pcre2_real_code_8;

namespace tern::runtime {

class PreTokenizer {
 public:
  // Patterns are applied in their order, see SplittingRules::patterns. Errors: one that does not compile; one
  // that is in no row of the table there and has a construct that Hugging Face's engine (Oniguruma) and PCRE2
  // may read differently, or that is longer than 4096 bytes; more than 16 patterns.
  static Expected<PreTokenizer> make(const std::vector<std::string>& patterns);

  // Cuts `text` into pieces; joined, they are the text again. A byte that is not part of well-formed UTF-8 is
  // a piece of its own. Patterns of our table take linear time. For others there is a bound, 1000 steps a
  // byte; where it is reached, what is left is not cut. Safe to call from several threads.
  std::vector<std::string_view> split(std::string_view text) const;

 private:
  struct Step {
    std::shared_ptr<const pcre2_real_code_8> code;
    bool is_bounded;  // the code has callouts, which count its steps
  };

  std::vector<Step> steps_;
};

}  // namespace tern::runtime
