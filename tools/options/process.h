// This process, as the system sees it.
#pragma once

#include <cstddef>

namespace tern::tools {

// The most memory that this process has held, in bytes.
size_t peak_memory();

// Makes Ctrl-C set a flag instead of ending the process; a second one ends it.
void catch_interrupts();
bool interrupted();

}  // namespace tern::tools
