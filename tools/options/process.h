// This process, as the system sees it.
#pragma once

#include <cstddef>
#include <functional>

namespace tern::tools {

// Runs a command to its exit code: what it printed is written out, and if that cannot be, or the command ends
// by an exception, the code and a message say so.
int run_to_the_end(const std::function<int()>& command);

// The most memory that this process has held, in bytes.
size_t peak_memory();

// Makes Ctrl-C set a flag instead of ending the process; a second one ends it.
void catch_interrupts();
bool interrupted();
// Forgets a Ctrl-C that was seen, and watches for the next. With `always` none ends the process, however many
// come, until forget_interrupts().
void watch_interrupts(bool always = false);
// Lets Ctrl-C end the process again.
void forget_interrupts();

}  // namespace tern::tools
