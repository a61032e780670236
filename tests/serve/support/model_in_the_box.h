// The model in the box, opened for tests of the server.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/session/session.h"

namespace tern::serve {

inline runtime::Session open_box(size_t threads = 1) {
  runtime::SessionOptions options;
  options.model = TERN_SOURCE_DIR "/models/tern-small.gguf";
  options.buckets = kernels::RowBuckets::up_to(64);
  options.threads = threads;
  options.cache = testing::TempDir() + "/tern-serve-cache";
  options.records.untuned = true;
  Expected<runtime::Session> session = runtime::open_session(options);
  EXPECT_TRUE(session) << session.error().text();
  return session.take();
}

}  // namespace tern::serve
