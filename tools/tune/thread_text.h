// The threads that were tried for a model, as text for people.
#pragma once

#include <string>

#include "runtime/session/thread_tuning.h"

namespace tern::tools {

// A table of what was measured, and what was chosen.
std::string text(const runtime::ThreadTuning& tuning);

}  // namespace tern::tools
