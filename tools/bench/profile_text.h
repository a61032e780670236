// The tables of `tern bench --profile`: what each step of the graph costs, and how long threads wait.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "runtime/execute/step_profile.h"

namespace tern::tools {

struct ProfiledTest {
  std::string test;    // "tg128@d2048"
  size_t threads = 0;  // that ran the steps
  size_t tokens = 0;   // of the run that was profiled
  runtime::StepProfile profile;
};

// A table in Markdown: microseconds a token and thread, by label.
std::string print_profile(const ProfiledTest& test);
// The same numbers in seconds a token and thread.
nlohmann::json profile_json(const ProfiledTest& test);

}  // namespace tern::tools
