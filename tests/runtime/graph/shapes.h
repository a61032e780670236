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

// The binary BitNet of the first paper: LayerNorm, and no gate.
inline Hyperparameters shape_binary() {
  Hyperparameters shape = shape_large();
  shape.architecture = "bitnet-b1";
  shape.activation = Activation::gelu;
  shape.centered_norms = true;
  shape.gated = false;
  return shape;
}

// Falcon3-1B-1.58.
inline Hyperparameters shape_llama() {
  Hyperparameters shape = shape_2b4t();
  shape.architecture = "llama";
  shape.vocabulary_size = 131072;
  shape.embedding_length = 2048;
  shape.block_count = 18;
  shape.feed_forward_length = 8192;
  shape.head_count = 8;
  shape.head_count_kv = 4;
  shape.head_dimension = shape.rope_dimension = 256;
  shape.rope_base = 1000042;
  shape.rms_epsilon = 1e-6f;
  shape.activation = Activation::silu;
  shape.rope_style = RopeStyle::adjacent;
  shape.sub_norms = shape.tied_head = false;
  return shape;
}

// Ternary-Bonsai 4B: heads are normed before they are turned, and are wider together than a row.
inline Hyperparameters shape_qwen3() {
  Hyperparameters shape = shape_llama();
  shape.architecture = "qwen3";
  shape.vocabulary_size = 151936;
  shape.embedding_length = 2560;
  shape.block_count = 36;
  shape.feed_forward_length = 9728;
  shape.head_count = 32;
  shape.head_count_kv = 8;
  shape.head_dimension = shape.rope_dimension = 128;
  shape.rope_base = 1e6;
  shape.rope_style = RopeStyle::neox;
  shape.head_norm = HeadNorm::before_rope;
  shape.rope_scaling = {.divisor = 4, .context = 16384};
  shape.tied_head = true;
  return shape;
}

// An embedding model: norms wherever one can be; five of six layers slide.
inline Hyperparameters shape_gemma3() {
  Hyperparameters shape = shape_qwen3();
  shape.architecture = "gemma3";
  shape.embedding_length = 640;
  shape.block_count = 7;
  shape.feed_forward_length = 2048;
  shape.head_count = 4;
  shape.head_count_kv = 1;
  shape.head_dimension = shape.rope_dimension = 256;
  shape.rope_scaling = {};
  shape.activation = Activation::gelu;
  shape.input_norms = shape.post_norms = true;
  shape.embedding_scale = 25;
  shape.window = 512;
  shape.rope_base_sliding = 10000;
  for (uint32_t i = 0; i < shape.block_count; ++i) shape.sliding.push_back(i % 6 != 5);
  return shape;
}

// With factors for the embedding, the additions and the logits, and divisors of frequencies.
inline Hyperparameters shape_minicpm() {
  Hyperparameters shape = shape_llama();
  shape.architecture = "minicpm";
  shape.embedding_scale = 12;
  shape.residual_scale = 0.25f;
  shape.logit_scale = 0.125f;
  shape.rope_scaling = {.magnitude = 1.25f, .divisors = WeightRole::rope_divisors_short};
  return shape;
}

// Qwen3 30B-A3B.
inline Hyperparameters shape_qwen3moe() {
  Hyperparameters shape = shape_qwen3();
  shape.architecture = "qwen3moe";
  shape.embedding_length = 2048;
  shape.block_count = 48;
  shape.feed_forward_length = 6144;
  shape.head_count_kv = 4;
  shape.rope_scaling = {};
  shape.expert_count = 128;
  shape.experts_used = 8;
  shape.expert_feed_forward_length = 768;
  shape.activation_group = 32;
  shape.tied_head = false;
  return shape;
}

// Maple, of 8 layers: three slide and the fourth does not.
inline Hyperparameters shape_maple() {
  Hyperparameters shape = shape_qwen3moe();
  shape.architecture = "maple";
  shape.block_count = 8;
  shape.head_count = 16;
  shape.rope_dimension = 64;
  shape.rope_base = shape.rope_base_sliding = 10000;
  shape.rope_in_global = false;
  shape.window = 512;
  for (uint32_t i = 0; i < shape.block_count; ++i) shape.sliding.push_back(i % 4 != 3);
  shape.expert_count = 256;
  shape.expert_feed_forward_length = 512;
  shape.gate_limit = 7;
  return shape;
}

// Heads are normed after they were turned.
inline Hyperparameters shape_hunyuan() {
  Hyperparameters shape = shape_qwen3();
  shape.architecture = "hunyuan-dense";
  shape.head_norm = HeadNorm::after_rope;
  shape.activation_group = 32;
  return shape;
}

// Qwen3.5 27B, of 8 layers, two of attention.
inline Hyperparameters shape_qwen35() {
  Hyperparameters shape = shape_qwen3();
  shape.architecture = "qwen35";
  shape.embedding_length = 5120;
  shape.block_count = 8;
  shape.feed_forward_length = 17408;
  shape.head_count = 24;
  shape.head_count_kv = 4;
  shape.head_dimension = 256;
  shape.rope_dimension = 64;
  shape.rope_scaling = {};
  shape.output_gate = true;
  shape.feed_forward_norm = WeightRole::post_attention_norm;
  for (uint32_t i = 0; i < shape.block_count; ++i) shape.recurrent.push_back(i % 4 != 3);
  shape.delta_heads = 48;
  shape.delta_key_heads = 16;
  shape.delta_width = 128;
  shape.delta_window = 4;
  shape.activation_group = 32;
  shape.tied_head = false;
  return shape;
}

// With matrices and an embedding in turned coordinates.
inline Hyperparameters shape_bonsai_2() {
  Hyperparameters shape = shape_qwen35();
  Rotation& rotation = shape.rotation;
  rotation.block = 1024;
  rotation.head = rotation.embedding = rotation.groups_heads = true;
  for (uint32_t i = 0; i < shape.block_count; ++i) {
    if (shape.is_recurrent(i))
      rotation.layers.push_back({WeightRole::gate, WeightRole::up, WeightRole::down, WeightRole::delta_inputs,
                                 WeightRole::delta_gate, WeightRole::delta_output});
    else
      rotation.layers.push_back({WeightRole::query, WeightRole::key, WeightRole::value,
                                 WeightRole::attention_output, WeightRole::gate, WeightRole::up,
                                 WeightRole::down});
  }
  return shape;
}

}  // namespace tern::runtime
