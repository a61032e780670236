// Options that people know from llama.cpp and bitnet.cpp.
#pragma once

#include <string>
#include <vector>

#include "base/expected.h"

namespace tern::tools {

// The arguments behind the program's name with those of other programs put in Tern's words: "--n-predict 3"
// becomes "-n 3", "-ngl 0" goes. Only for the commands run and chat, and tern-run (`command_first` is false
// there, as it has no commands); values of options are not looked at. Error: an option that Tern has no use
// for, with what to do instead.
Expected<std::vector<std::string>> in_own_words(const std::vector<std::string>& arguments,
                                                bool command_first = true);

}  // namespace tern::tools
