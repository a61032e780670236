#include "runtime/model/model.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <set>
#include <utility>

#include "runtime/model/tensor_rows.h"
#include "runtime/text/vocabulary_load.h"

namespace tern::runtime {
namespace {

// A dimension of a tensor, by what it is in the model.
enum class Width { embedding, query, key_value, feed_forward };

uint64_t width_of(Width width, const Hyperparameters& h) {
  switch (width) {
    case Width::embedding: return h.embedding_length;
    case Width::query: return h.query_length();
    case Width::key_value: return h.key_value_length();
    case Width::feed_forward: return h.feed_forward_length;
  }
  return 0;
}

// The tensors `blk.N.NAME.weight` of a layer: where they go and what shape they must have.
struct MatrixRole {
  std::string_view name;
  Tensor Layer::*member;
  Width n, k;
};
constexpr MatrixRole matrix_roles[] = {
    {"attn_q", &Layer::query, Width::query, Width::embedding},
    {"attn_k", &Layer::key, Width::key_value, Width::embedding},
    {"attn_v", &Layer::value, Width::key_value, Width::embedding},
    {"attn_output", &Layer::attention_output, Width::embedding, Width::query},
    {"ffn_gate", &Layer::gate, Width::feed_forward, Width::embedding},
    {"ffn_up", &Layer::up, Width::feed_forward, Width::embedding},
    {"ffn_down", &Layer::down, Width::embedding, Width::feed_forward},
};

struct NormRole {
  std::string_view name;
  std::vector<float> Layer::*member;
  Width width;
  bool sub_norm;
};
constexpr NormRole norm_roles[] = {
    {"attn_norm", &Layer::attention_norm, Width::embedding, false},
    {"attn_sub_norm", &Layer::attention_sub_norm, Width::query, true},
    {"ffn_norm", &Layer::feed_forward_norm, Width::embedding, false},
    {"ffn_sub_norm", &Layer::feed_forward_sub_norm, Width::feed_forward, true},
};

constexpr float largest_scale = 1e6f;  // of a weight; trained models stay below 10

// Takes tensors out of the file by name; the first fault stays.
class Loader {
 public:
  Loader(GgufFile file, const LoadOptions& options) : options_(options), model_{.file = std::move(file)} {}
  Expected<Model> run();

 private:
  void complain(std::string message) {
    if (!error_) error_ = Error{std::move(message), {model_.file.path()}};
  }
  void complain_of(std::string_view tensor, std::string_view message) {
    complain(fmt::format("tensor {}: {}", quote(tensor), message));
  }
  const GgufTensor* take(const std::string& name, uint64_t n, uint64_t k);
  std::vector<float> norm(const std::string& name, uint64_t width);
  Tensor dense(const std::string& name);
  Tensor ternary(const std::string& prefix, uint64_t n, uint64_t k);
  float ternary_scale(const GgufTensor& tensor, const std::string& prefix);
  void load_layer(uint32_t index);
  void refuse_unused();

  LoadOptions options_;
  Model model_;
  std::set<std::string_view> used_;
  std::optional<Error> error_;
};

// The tensor W[n, k], or the vector [k] if n is 1.
const GgufTensor* Loader::take(const std::string& name, uint64_t n, uint64_t k) {
  const GgufTensor* tensor = model_.file.find_tensor(name);
  if (!tensor) {
    complain(fmt::format("tensor '{}' is missing", name));
    return nullptr;
  }
  used_.insert(tensor->name);
  const auto& dims = tensor->dims;
  if (dims != std::array<uint64_t, 4>{k, n, 1, 1}) {
    complain_of(name, fmt::format("has the shape [{}, {}, {}, {}] where the metadata imply [{}, {}]", dims[0],
                                  dims[1], dims[2], dims[3], k, n));
    return nullptr;
  }
  return tensor;
}

std::vector<float> Loader::norm(const std::string& name, uint64_t width) {
  const GgufTensor* tensor = take(name, 1, width);
  if (!tensor) return {};
  if (tensor->type != TensorType::f32 && tensor->type != TensorType::f16 &&
      tensor->type != TensorType::bf16) {
    complain_of(name, fmt::format("has type {}; a norm must be F32, F16 or BF16", name_of(tensor->type)));
    return {};
  }
  std::vector<float> values(width);
  decode_row(tensor->type, tensor->data, values);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) complain_of(name, fmt::format("element {} is {}", i, values[i]));
  }
  return values;
}

// The embedding or the head.
Tensor Loader::dense(const std::string& name) {
  const Hyperparameters& h = model_.hyperparameters;
  const GgufTensor* tensor = take(name, h.vocabulary_size, h.embedding_length);
  if (!tensor) return {};
  if (!has_rows(tensor->type)) {
    complain_of(
        name, fmt::format("has type {}; supported are F32, F16, BF16, Q8_0 and Q6_K", name_of(tensor->type)));
  }
  return {tensor->name, tensor->type, h.vocabulary_size, h.embedding_length, tensor->data};
}

Tensor Loader::ternary(const std::string& prefix, uint64_t n, uint64_t k) {
  const std::string name = prefix + ".weight";
  const GgufTensor* tensor = take(name, n, k);
  if (!tensor) return {};
  if (tensor->type != TensorType::i2_s) {
    complain_of(
        name, fmt::format("has type {}; ternary matrices can be read from I2_S only", name_of(tensor->type)));
    return {};
  }
  const uint64_t block = block_elements(options_.i2s_order);
  if (n * k % block != 0) {
    complain_of(name, fmt::format("its {} elements are not whole I2_S blocks of {}", n * k, block));
    return {};
  }
  const auto codes = tensor->data.first(n * k / 4);
  const float scale = ternary_scale(*tensor, prefix);
  if (scale == 0 || all_zero(codes)) {
    model_.warnings.push_back(fmt::format("tensor '{}' holds only zeros: the file may be damaged", name));
  }
  return {tensor->name, tensor->type, static_cast<uint32_t>(n), static_cast<uint32_t>(k),
          codes,        scale,        options_.i2s_order};
}

float Loader::ternary_scale(const GgufTensor& tensor, const std::string& prefix) {
  float scale = 0;
  std::memcpy(&scale, tensor.data.data() + tensor.data.size() - 32, sizeof(scale));
  if (!(scale >= 0 && scale <= largest_scale)) {  // also false for NaN
    complain_of(tensor.name, fmt::format("its scale is {}, outside of 0 to {}", scale, largest_scale));
  }
  const std::string factor_name = prefix + ".scale";
  if (!model_.file.find_tensor(factor_name)) return scale;
  const GgufTensor* factor = take(factor_name, 1, 1);
  if (!factor) return scale;
  if (factor->type != TensorType::f32) {
    complain_of(factor_name, fmt::format("has type {}, not F32", name_of(factor->type)));
    return scale;
  }
  float value = 0;
  std::memcpy(&value, factor->data.data(), sizeof(value));
  if (!(std::fabs(value) <= largest_scale))
    complain_of(factor_name, fmt::format("is {}, out of range", value));
  return scale * value;
}

void Loader::load_layer(uint32_t index) {
  const Hyperparameters& h = model_.hyperparameters;
  const std::string prefix = fmt::format("blk.{}.", index);
  Layer& layer = model_.layers.emplace_back();
  for (const NormRole& role : norm_roles) {
    if (role.sub_norm && !h.sub_norms) continue;
    layer.*role.member = norm(prefix + std::string(role.name) + ".weight", width_of(role.width, h));
  }
  for (const MatrixRole& role : matrix_roles) {
    layer.*role.member = ternary(prefix + std::string(role.name), width_of(role.n, h), width_of(role.k, h));
  }
}

// A tensor that has no role here means a graph that differs from ours; to ignore it would give wrong text.
void Loader::refuse_unused() {
  for (const GgufTensor& tensor : model_.file.tensors) {
    if (used_.contains(tensor.name)) continue;
    const bool bias = tensor.name.ends_with(".bias");
    complain_of(tensor.name, fmt::format("{} in models of architecture '{}'",
                                         bias ? "biases are not supported" : "has no known role",
                                         model_.hyperparameters.architecture));
    return;
  }
}

Expected<Model> Loader::run() {
  auto hyperparameters = read_hyperparameters(model_.file);
  if (!hyperparameters) return hyperparameters.error();
  model_.hyperparameters = hyperparameters.take();
  const Hyperparameters& h = model_.hyperparameters;
  auto vocabulary = read_vocabulary(model_.file, h.vocabulary_size);
  if (!vocabulary) return vocabulary.error();
  model_.vocabulary = vocabulary.take();

  model_.token_embedding = dense("token_embd.weight");
  model_.output_norm = norm("output_norm.weight", h.embedding_length);
  if (!h.tied_head) model_.output = dense("output.weight");
  for (uint32_t i = 0; i < h.block_count && !error_; ++i) load_layer(i);
  if (!error_) refuse_unused();
  if (error_) return *error_;
  if (!options_.check_values) return std::move(model_);

  const auto check = [&](const Tensor& tensor) {
    const Status status = check_values(tensor, model_.file.path());
    if (!status && !error_) error_ = status.error();
  };
  check(model_.token_embedding);
  if (model_.output) check(*model_.output);
  for (const Layer& layer : model_.layers) {
    for (const MatrixRole& role : matrix_roles) check(layer.*role.member);
  }
  if (error_) return *error_;
  return std::move(model_);
}

}  // namespace

std::vector<const Tensor*> matrices(const Layer& layer) {
  std::vector<const Tensor*> found;
  for (const MatrixRole& role : matrix_roles) found.push_back(&(layer.*role.member));
  return found;
}

std::vector<const Tensor*> matrices(const Model& model) {
  std::vector<const Tensor*> all;
  for (const Layer& layer : model.layers) {
    for (const Tensor* tensor : matrices(layer)) all.push_back(tensor);
  }
  all.push_back(&model.head());
  return all;
}

Expected<Model> load_model(GgufFile file, const LoadOptions& options) {
  return Loader(std::move(file), options).run();
}

Expected<Model> load_model(const std::string& path, const LoadOptions& options) {
  auto mapping = map_file(path);
  if (!mapping) return mapping.error();
  auto file = parse_gguf(mapping.take());
  if (!file) return file.error();
  return load_model(file.take(), options);
}

}  // namespace tern::runtime
