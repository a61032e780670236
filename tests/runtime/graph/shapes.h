// Shapes of models for tests of graphs.
#pragma once

#include "runtime/model/architecture.h"

namespace tern::runtime {

// BitNet b1.58 2B4T.
inline Hyperparameters shape_2b4t() {
  Hyperparameters shape;
  shape.architecture = "bitnet-b1.58";
  shape.vocabulary_size = 128256;
  shape.context_length = 4096;
  shape.embedding_length = 2560;
  shape.block_count = 30;
  shape.feed_forward_length = 6912;
  shape.head_count = 20;
  shape.head_count_kv = 5;
  shape.head_dimension = 128;
  shape.rope_dimension = 128;
  shape.rope_base = 500000;
  shape.rms_epsilon = 1e-5f;
  shape.sub_norms = true;
  shape.tied_head = true;
  return shape;
}

// 1bitLLM's bitnet_b1_58-large: a gate of SiLU.
inline Hyperparameters shape_large() {
  Hyperparameters shape = shape_2b4t();
  shape.architecture = "bitnet";
  shape.vocabulary_size = 32002;
  shape.embedding_length = 1536;
  shape.block_count = 24;
  shape.feed_forward_length = 4096;
  shape.head_count = shape.head_count_kv = 16;
  shape.head_dimension = shape.rope_dimension = 96;
  shape.rope_base = 10000;
  shape.activation = Activation::silu;
  return shape;
}

}  // namespace tern::runtime
