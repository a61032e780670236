// Where the command line gets joules from.
#pragma once

#include "autotune/measure/energy_meter.h"

namespace tern::tools {

// Reads the packages in $TERN_POWERCAP, else in /sys/class/powercap. Fails, and says why, where they cannot
// be read or do not count.
Expected<autotune::JouleReader> joule_reader();

}  // namespace tern::tools
