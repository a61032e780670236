// An engine of a synthesised model that takes no time.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "runtime/execute/engine.h"
#include "runtime/model/synth.h"
#include "targets/host.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {

// Two layers of width 128; byte-level BPE of 300 tokens, of which 296 begins a text and 297 ends it; trained,
// it says, for 512 tokens.
inline std::unique_ptr<Engine> small_engine(uint64_t seed = 1, CacheElement element = CacheElement::f16,
                                            int64_t max_rows = 16, size_t page_positions = 32,
                                            uint32_t vocabulary = 300) {
  SynthShape shape = *find_synth_shape("tiny");
  shape.vocabulary_size = vocabulary;
  shape.embedding_length = 128;
  shape.feed_forward_length = 128;
  shape.head_dimension = 32;
  shape.block_count = 2;
  const TemporaryFolder folder;
  const std::string path = folder / "small.gguf";
  EXPECT_TRUE(synthesize_model(path, shape, {.seed = seed}));
  EngineOptions options;
  options.model = path;
  options.kernels = jit_kernels(targets::find_runnable_target("host").take(), std::nullopt).take();
  options.threads = 1;
  options.buckets = kernels::RowBuckets::up_to(max_rows);
  options.kv_element = element;
  options.page_positions = page_positions;
  Expected<std::unique_ptr<Engine>> engine = Engine::load(options);
  EXPECT_TRUE(engine) << engine.error().text();
  return engine.take();
}

}  // namespace tern::runtime
