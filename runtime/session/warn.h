// How a session warns its caller.
#pragma once

#include <functional>
#include <string>

namespace tern::runtime {

// Called with one sentence for the user about what is odd, such as a damaged record, and does not keep the
// work from going on. Empty: nobody wants to know.
using Warn = std::function<void(const std::string& text)>;

}  // namespace tern::runtime
