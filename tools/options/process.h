// This process, as the system sees it.
#pragma once

#include <cstddef>

namespace tern::tools {

// The most memory that this process has held, in bytes.
size_t peak_memory();

// Makes Ctrl-C set a flag instead of ending the process; a second one ends it.
void catch_interrupts();
bool interrupted();
// Forgets a Ctrl-C that was seen, and watches for the next.
void watch_interrupts();

}  // namespace tern::tools
