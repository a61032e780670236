// A model as its file holds it: hyperparameters, vocabulary and every tensor by its role in the graph.
// Nothing is repacked here; matrices are views of the mapped file.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "runtime/gguf/gguf.h"
#include "runtime/gguf/tensor_type.h"
#include "runtime/model/architecture.h"
#include "runtime/model/i2_s.h"
#include "runtime/text/vocabulary.h"

namespace tern::runtime {

// A matrix W[n, k], row after row: n outputs of k inputs each.
struct Tensor {
  std::string_view name;
  TensorType type = TensorType::f32;
  uint32_t n = 0, k = 0;
  std::span<const std::byte> data;  // rows (see tensor_rows.h); for I2_S the n*k/4 bytes of codes alone

  // For I2_S: W = scale * (code - 1). It includes the factor of the file's `.scale` tensor where there is
  // one.
  float scale = 1;
  I2sOrder order = I2sOrder::blocks_of_128;
};

// The parts of a transformer block, in the order in which a token meets them. Widths: e = embedding_length,
// q = query_length(), v = key_value_length(), f = feed_forward_length.
struct Layer {
  std::vector<float> attention_norm;         // [e]
  Tensor query, key, value;                  // [q, e], [v, e], [v, e]
  std::vector<float> attention_sub_norm;     // [q]; empty without sub-norms
  Tensor attention_output;                   // [e, q]
  std::vector<float> feed_forward_norm;      // [e]
  Tensor gate, up;                           // [f, e], [f, e]
  std::vector<float> feed_forward_sub_norm;  // [f]; empty without sub-norms
  Tensor down;                               // [e, f]
};

// The seven ternary matrices of a layer, for whoever treats them alike.
std::vector<const Tensor*> matrices(const Layer& layer);

struct Model {
  GgufFile file;
  Hyperparameters hyperparameters;
  Vocabulary vocabulary;
  Tensor token_embedding;             // [vocabulary_size, e]
  std::vector<Layer> layers;          // block_count of them
  std::vector<float> output_norm;     // [e]
  std::optional<Tensor> output;       // [vocabulary_size, e]; none where the head is tied to token_embedding
  std::vector<std::string> warnings;  // oddities that do not keep the model from running, one sentence each

  const Tensor& head() const { return output ? *output : token_embedding; }
};

// Those of all layers, and the head.
std::vector<const Tensor*> matrices(const Model& model);

struct LoadOptions {
  // Nothing in a file tells which order its I2_S codes have; nearly all have blocks of 128.
  I2sOrder i2s_order = I2sOrder::blocks_of_128;
  // Whether to run check_values on every matrix, which reads the whole file. Whoever turns it off must run it
  // before a matrix is used, say while packing in parallel.
  bool check_values = true;
};

// Loads `bitnet-b1.58`, `bitnet-25` and `bitnet` models whose projections are I2_S, whose embedding and head
// are F32, F16, BF16, Q8_0 or Q6_K, and whose norms are F32, F16 or BF16. Errors: what map_file and
// parse_gguf find; keys or tensors that are missing or contradict each other; a tensor of a wrong shape or
// type; a tensor without a role, such as a bias (leaving it out would change the results); values that
// check_values refuses.
Expected<Model> load_model(const std::string& path, const LoadOptions& options = {});
Expected<Model> load_model(GgufFile file, const LoadOptions& options = {});

// Refuses the values that no sane model holds, naming the row and the column: an I2_S code of 3; for other
// types a float, or a block's scale, that is not finite. Safe to call from several threads, and as fast as
// memory.
Status check_values(const Tensor& tensor, const std::string& path);

}  // namespace tern::runtime
