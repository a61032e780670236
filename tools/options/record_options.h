// The options that say which records of tuned kernels count.
#pragma once

#include <CLI/CLI.hpp>

#include "runtime/session/tuned_kernels.h"

namespace tern::tools {

// Adds --database and --untuned.
void add_record_options(CLI::App& command, runtime::RecordOptions& options);

}  // namespace tern::tools
