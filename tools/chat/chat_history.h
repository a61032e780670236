// The file that keeps what was typed at the prompt of `tern chat`: UTF-8, a line each, the oldest first.
#pragma once

#include <string>
#include <vector>

#include "base/expected.h"

namespace tern::tools {

// The most that is kept.
inline constexpr size_t most_history_lines = 1000, most_history_bytes = size_t{1} << 20;

// $XDG_STATE_HOME/tern/chat_history, else ~/.local/state/tern/chat_history; empty where neither variable
// holds an absolute path.
std::string chat_history_path();

// The last lines of the file, within the bounds above; none of a file that does not exist. Lines with control
// characters, or that are no UTF-8, are left out. A file beyond the bounds is replaced by what is returned.
// Errors: a file that cannot be read, is no regular file, or is another user's.
Expected<std::vector<std::string>> load_chat_history(const std::string& path);

// Appends a line. The file and its folders are made where they are missing, for their owner alone (0600,
// 0700). Lines that load_chat_history would leave out, and blank ones, are not written. Several programs may
// append to one file. Errors: the file cannot be written, is no regular file, or is another user's.
Status append_chat_history(const std::string& path, const std::string& line);

}  // namespace tern::tools
