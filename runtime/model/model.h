// A model as its file holds it: hyperparameters, vocabulary and every tensor by its role in the graph.
// Nothing is repacked here; matrices are views of the mapped file, but for types that are rewritten to be
// read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "base/memory.h"
#include "runtime/gguf/gguf.h"
#include "runtime/graph/hyperparameters.h"
#include "runtime/graph/weight_role.h"
#include "runtime/tensor/tensor.h"
#include "runtime/text/vocabulary.h"

namespace tern::runtime {

// The weights of one layer, or those of no layer, by role: the ones that the model's graph reads.
struct Weights {
  std::map<WeightRole, Tensor> matrices;
  std::map<WeightRole, std::vector<float>> norms;
};

struct Model {
  GgufFile file;
  Hyperparameters hyperparameters;
  Vocabulary vocabulary;
  Weights outside;                    // of no layer; without `output` where the head is the embedding
  std::vector<Weights> layers;        // block_count of them
  std::vector<Memory> rewritten;      // what matrices of types with `rewritten_as` are views of
  std::vector<std::string> warnings;  // oddities that do not keep the model from running, one sentence each

  const Weights& weights(int64_t layer) const {
    return layer < 0 ? outside : layers[static_cast<size_t>(layer)];
  }
  // A matrix or a norm that the graph reads. `layer` is -1 for roles of no layer.
  const Tensor& matrix(WeightRole role, int64_t layer = -1) const;
  const std::vector<float>& norm(WeightRole role, int64_t layer = -1) const {
    return weights(layer).norms.at(role);
  }
  const Tensor& token_embedding() const { return matrix(WeightRole::token_embedding); }
  const Tensor& head() const {
    return matrix(WeightRole::output);
  }  // the embedding if the head is tied to it
};

// The matrices of all layers, and the head.
std::vector<const Tensor*> matrices(const Model& model);

// How the activations that layers multiply are given to their products.
enum class Activations : uint8_t {
  as_trained,  // i8 per token where the model was trained so, else i8 by group: see load_model
  f32,         // floats: sums are f32 in the order of the inputs
  i8,          // one scale a token
  i8_groups,   // one scale for each activation_group inputs
};

// Activations that share a scale in models that were trained with floats: as llama.cpp's Q8_0.
inline constexpr uint32_t activation_group = 32;

struct LoadOptions {
  // Which order I2_S codes have. Nothing in a file states it, and nearly all have blocks of 128; empty:
  // these, unless the weights show blocks of 64 (i2s_order.h), which is a warning.
  std::optional<I2sOrder> i2s_order;
  // Path of a kernel_config.ini with the sizes of TL1 and TL2 tiles (runtime/tensor/tile_sizes.h), which
  // files do not hold either; empty, or for shapes that it does not list: those of known shapes.
  std::string tile_sizes;
  // Whether the head multiplies f32 activations in the order of its inputs, also where its weights are whole
  // numbers with a scale for each group, as of Q8_0 and Q6_K.
  bool exact_head = false;
  Activations activations = Activations::as_trained;
  // Whether to run check_values on every matrix, which reads the whole file. Where it is off, the caller
  // runs it before a matrix is used, say while packing in parallel.
  bool check_values = true;
};

// Loads models of a known family (runtime/graph/families.h) whose projections are whole numbers with scales
// (TensorTypeInfo::has_numbers), or of any type if activations are f32; whose embedding has rows, and whose
// norms are F32, F16 or BF16. The family's graph says which tensors there are, and of which shapes.
//
// Activations of the layers are i8 with one scale a token if the family is BitNet's, or if every projection
// has one scale for the whole tensor, as only BitNet's recipe gives them; other models were trained with
// floats, and theirs are i8 with a scale for each group.
//
// Errors: what open_model_file finds; keys or tensors that are missing or contradict each other; a
// tensor of a wrong shape or type; a tensor without a role, such as a bias (leaving it out would change the
// results); values that check_values refuses.
Expected<Model> load_model(const std::string& path, const LoadOptions& options = {});
Expected<Model> load_model(GgufFile file, const LoadOptions& options = {});

// Refuses the values that no sane model holds, naming the row and the column: an I2_S code of 3; for other
// types a float, or a block's scale, that is not finite. Safe to call from several threads, and as fast as
// memory.
Status check_values(const Tensor& tensor, const std::string& path);

}  // namespace tern::runtime
