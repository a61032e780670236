// The rules for subjects of commits, and the check of one.
#pragma once

#include <string>
#include <string_view>

namespace tern::house {

// Why a subject breaks the rules; empty if it keeps them: 1 to 72 characters, and no path that leads out of
// the repository (one that begins with /, ~/ or ../).
std::string breach_of_subject(std::string_view subject);

}  // namespace tern::house
