#include "runtime/model/model.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "runtime/graph/families.h"
#include "runtime/graph/weight_uses.h"
#include "runtime/model/architecture.h"
#include "runtime/tensor/tensor_rows.h"
#include "runtime/text/vocabulary_load.h"

namespace tern::runtime {
namespace {

constexpr uint32_t head_activation_group = 32;  // as llama.cpp's Q8_0 activations
constexpr float max_scale = 1e6f;               // of a weight; trained models stay below 10

// Looks tensors up in the file by name; the first fault stays.
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
  const GgufTensor* find(const std::string& name, uint64_t n, uint64_t k);
  std::vector<float> norm(const std::string& name, uint64_t width);
  Tensor dense(const std::string& name, uint64_t n, uint64_t k);
  Tensor ternary(const std::string& prefix, uint64_t n, uint64_t k);
  float ternary_scale(const GgufTensor& tensor, const std::string& prefix);
  void load_weights(const WeightUse& use);
  uint32_t head_group() const;
  void refuse_unused();
  void check_all();

  LoadOptions options_;
  Model model_;
  std::set<std::string_view> used_;
  std::optional<Error> error_;
};

// The tensor W[n, k], or the vector [k] if n is 1.
const GgufTensor* Loader::find(const std::string& name, uint64_t n, uint64_t k) {
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
  const GgufTensor* tensor = find(name, 1, width);
  if (!tensor) return {};
  const auto is_float = [](const TensorTypeInfo& type) {
    return type.has_rows() && type.block_elements == 1;
  };
  if (!is_float(info(tensor->type))) {
    complain_of(
        name, fmt::format("has type {}; a norm must be {}", name_of(tensor->type), names_of_types(is_float)));
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
Tensor Loader::dense(const std::string& name, uint64_t n, uint64_t k) {
  const GgufTensor* tensor = find(name, n, k);
  if (!tensor) return {};
  if (!info(tensor->type).has_rows()) {
    complain_of(name,
                fmt::format("has type {}; it must be {}", name_of(tensor->type),
                            names_of_types([](const TensorTypeInfo& type) { return type.has_rows(); })));
  }
  return {tensor->name, tensor->type, static_cast<uint32_t>(n), static_cast<uint32_t>(k), tensor->data};
}

Tensor Loader::ternary(const std::string& prefix, uint64_t n, uint64_t k) {
  const std::string name = prefix + ".weight";
  const GgufTensor* tensor = find(name, n, k);
  if (!tensor) return {};
  const TensorTypeInfo& type = info(tensor->type);
  if (!type.is_ternary()) {
    complain_of(name,
                fmt::format("has type {}; a ternary matrix must be {}", type.name,
                            names_of_types([](const TensorTypeInfo& other) { return other.is_ternary(); })));
    return {};
  }
  const uint64_t block = type.layout_elements(options_.i2s_order);
  if (n * k % block != 0) {
    complain_of(name, fmt::format("its {} elements are not whole {} blocks of {}", n * k, type.name, block));
    return {};
  }
  const auto codes = tensor->data.first(tensor->data.size() - type.tail_bytes);
  const float scale = ternary_scale(*tensor, prefix);
  if (scale == 0 || type.all_zero(codes)) {
    model_.warnings.push_back(fmt::format("tensor '{}' holds only zeros: the file may be damaged", name));
  }
  return {tensor->name, tensor->type, static_cast<uint32_t>(n), static_cast<uint32_t>(k),
          codes,        scale,        options_.i2s_order};
}

float Loader::ternary_scale(const GgufTensor& tensor, const std::string& prefix) {
  const TensorTypeInfo& type = info(tensor.type);
  const float scale = type.read_scale(tensor.data.last(type.tail_bytes));
  if (!(scale >= 0 && scale <= max_scale)) {  // also false for NaN
    complain_of(tensor.name, fmt::format("its scale is {}, outside of 0 to {}", scale, max_scale));
  }
  const std::string factor_name = prefix + ".scale";
  if (!model_.file.find_tensor(factor_name)) return scale;
  const GgufTensor* factor = find(factor_name, 1, 1);
  if (!factor) return scale;
  if (factor->type != TensorType::f32) {
    complain_of(factor_name, fmt::format("has type {}, not F32", name_of(factor->type)));
    return scale;
  }
  float value = 0;
  std::memcpy(&value, factor->data.data(), sizeof(value));
  if (!(std::fabs(value) <= max_scale)) complain_of(factor_name, fmt::format("is {}, out of range", value));
  return scale * value;
}

void Loader::load_weights(const WeightUse& use) {
  Weights& weights = use.layer < 0 ? model_.outside : model_.layers[static_cast<size_t>(use.layer)];
  const std::string prefix = tensor_prefix(use.role, use.layer), name = prefix + ".weight";
  const Hyperparameters& h = model_.hyperparameters;
  if (use.role == WeightRole::output && h.tied_head) return;
  const auto n = static_cast<uint64_t>(use.op == Op::embed ? h.vocabulary_size : use.n),
             k = static_cast<uint64_t>(use.k);
  if (use.op == Op::rms_norm)
    weights.norms[use.role] = norm(name, k);
  else
    weights.matrices[use.role] = use.is_exact ? ternary(prefix, n, k) : dense(name, n, k);
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

void Loader::check_all() {
  const auto check = [&](const Weights& weights) {
    for (const auto& [role, tensor] : weights.matrices) {
      const Status status = check_values(tensor, model_.file.path());
      if (!status && !error_) error_ = status.error();
    }
  };
  check(model_.outside);
  for (const Weights& layer : model_.layers) check(layer);
}

// Sums of exact products need a head of whole numbers.
uint32_t Loader::head_group() const {
  const GgufTensor* head =
      model_.file.find_tensor(model_.hyperparameters.tied_head ? "token_embd.weight" : "output.weight");
  const bool whole = head && info(head->type).has_rows() && info(head->type).weights.group != 0;
  return whole && !options_.exact_head ? head_activation_group : 0;
}

Expected<Model> Loader::run() {
  TERN_ASSIGN(model_.hyperparameters, read_hyperparameters(model_.file));
  model_.hyperparameters.head_group = head_group();
  const Hyperparameters& h = model_.hyperparameters;
  TERN_ASSIGN(model_.vocabulary, read_vocabulary(model_.file, h.vocabulary_size));
  model_.layers.resize(h.block_count);
  for (const WeightUse& use : weight_uses(build_graph(h))) {
    if (!error_) load_weights(use);
  }
  if (!error_) refuse_unused();
  if (!error_ && options_.check_values) check_all();
  if (error_) return *error_;
  return std::move(model_);
}

}  // namespace

const Tensor& Model::matrix(WeightRole role, int64_t layer) const {
  const auto& matrices = weights(layer).matrices;
  if (role == WeightRole::output && !matrices.contains(role)) return token_embedding();
  return matrices.at(role);
}

std::vector<const Tensor*> matrices(const Model& model) {
  std::vector<const Tensor*> all;
  for (const Weights& layer : model.layers) {
    for (const auto& [role, tensor] : layer.matrices) all.push_back(&tensor);
  }
  all.push_back(&model.head());
  return all;
}

Expected<Model> load_model(GgufFile file, const LoadOptions& options) {
  return Loader(std::move(file), options).run();
}

Expected<Model> load_model(const std::string& path, const LoadOptions& options) {
  TERN_ASSIGN(FileMapping mapping, map_file(path));
  TERN_ASSIGN(GgufFile file, parse_gguf(std::move(mapping)));
  return load_model(std::move(file), options);
}

}  // namespace tern::runtime
