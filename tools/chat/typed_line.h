// What a user has typed at a prompt.
#pragma once

#include <string>

namespace tern::tools {

struct TypedLine {
  enum class Kind {
    text,       // `text`, without its line end
    cancelled,  // dropped by Ctrl-C; `text` is what had been typed
    end         // of the input
  };
  Kind kind = Kind::text;
  std::string text;
};

}  // namespace tern::tools
