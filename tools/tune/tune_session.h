// Tuning from the command line: what `tern tune` and `tern run --tune` have in common.
#pragma once

#include <string>

#include "base/expected.h"
#include "runtime/session/tune_into.h"

namespace tern::tools {

// "60s", "2m", "1h" or "90": seconds.
Expected<double> parse_duration(const std::string& text);

// Tunes with a progress line on standard error, if that is a terminal, until done or interrupted (process.h);
// warnings go to standard error.
Expected<runtime::JobResult> run_job(const runtime::TuneJob& job, const targets::Host& host);

}  // namespace tern::tools
