// The targets whose code this machine can run: every listed one that it is able to, and itself.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "targets/host.h"
#include "targets/target.h"

namespace tern::testing {

inline std::vector<targets::Target> runnable_targets() {
  const targets::Target& host = targets::detect_host()->target;
  std::vector<targets::Target> runnable;
  for (const std::string& name : targets::target_names()) {
    const Expected<targets::Target> target = targets::load_target(name);
    EXPECT_TRUE(target) << target.error().text();
    if (target && targets::can_run(*target, host)) runnable.push_back(*target);
  }
  runnable.push_back(host);
  return runnable;
}

inline targets::Target listed_target(const std::string& name) {
  Expected<targets::Target> target = targets::load_target(name);
  EXPECT_TRUE(target) << target.error().text();
  return target ? target.take() : targets::Target{};
}

}  // namespace tern::testing
