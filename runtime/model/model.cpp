#include "runtime/model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "runtime/graph/families.h"
#include "runtime/graph/weight_uses.h"
#include "runtime/model/architecture.h"
#include "runtime/model/i2s_order.h"
#include "runtime/source/model_file.h"
#include "runtime/tensor/narrow.h"
#include "runtime/tensor/tensor_rows.h"
#include "runtime/tensor/tile_sizes.h"
#include "runtime/text/vocabulary_load.h"

namespace tern::runtime {
namespace {

constexpr uint32_t head_activation_group = 32;  // as llama.cpp's Q8_0 activations
constexpr float max_scale = 1e6f;               // of a weight; trained models stay below 10

// Looks tensors up in the file by name; the first fault stays.
class Loader {
 public:
  Loader(GgufFile file, const LoadOptions& options) : options_(options), model_{.file = std::move(file)} {
    model_.warnings = model_.file.warnings;
  }
  Expected<Model> run();

 private:
  void complain(std::string message) {
    if (!error_) error_ = Error{std::move(message), {model_.file.path()}};
  }
  void complain_of(std::string_view tensor, std::string_view message) {
    complain(fmt::format("tensor {}: {}", quote(tensor), message));
  }
  const GgufTensor* find(const std::string& name, uint64_t n, uint64_t k, uint64_t count = 1);
  std::vector<float> vector(const std::string& name, uint64_t n, uint64_t k);
  Tensor matrix(const std::string& prefix, uint64_t n, uint64_t k, const WeightUse& use);
  bool is_spare(std::string_view tensor) const;
  bool rewrite(Tensor& tensor);
  std::optional<TileSizes> tiles_of(const Tensor& tensor);
  float tail_scale(const Tensor& tensor);
  float factor_of(const std::string& prefix);
  void load_weights(const WeightUse& use);
  void find_i2s_order();
  void narrow_all();
  void warn_of_zeros(std::string_view name);
  void choose_activations();
  uint32_t head_group() const;
  void refuse_unused();
  void check_all();

  LoadOptions options_;
  std::vector<TileSizes> tiles_;  // those of options_.tile_sizes
  bool warned_of_tiles_ = false;
  Model model_;
  std::set<std::string_view> used_;
  std::optional<Error> error_;
};

// The tensor W[n, k], `count` of them, or the vector [k] if n is 1.
const GgufTensor* Loader::find(const std::string& name, uint64_t n, uint64_t k, uint64_t count) {
  const GgufTensor* tensor = model_.file.find_tensor(name);
  if (!tensor) {
    complain(fmt::format("tensor '{}' is missing", name));
    return nullptr;
  }
  used_.insert(tensor->name);
  const auto& dims = tensor->dims;
  if (dims != std::array<uint64_t, 4>{k, n, count, 1}) {
    complain_of(name,
                fmt::format("has the shape [{}, {}, {}, {}] where the metadata imply [{}, {}{}]", dims[0],
                            dims[1], dims[2], dims[3], k, n, count == 1 ? "" : fmt::format(", {}", count)));
    return nullptr;
  }
  return tensor;
}

// `n` rows of `k` numbers.
std::vector<float> Loader::vector(const std::string& name, uint64_t n, uint64_t k) {
  const GgufTensor* tensor = find(name, n, k);
  if (!tensor) return {};
  const auto is_float = [](const TensorTypeInfo& type) {
    return type.has_rows() && type.block_elements == 1;
  };
  if (!is_float(info(tensor->type))) {
    complain_of(name, fmt::format("has type {}; a vector must be {}", name_of(tensor->type),
                                  names_of_types(is_float)));
    return {};
  }
  std::vector<float> values(n * k);
  decode_row(tensor->type, tensor->data, values);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) complain_of(name, fmt::format("element {} is {}", i, values[i]));
    if (name.starts_with("rope_") && !(values[i] > 0))
      complain_of(name, fmt::format("element {} is {}", i, values[i]));
  }
  return values;
}

// What a use asks of a type: rows to look tokens up in, whole numbers for exact sums, or just floats.
using TypeTest = bool (*)(const TensorTypeInfo& type);
TypeTest test_for(const WeightUse& use) {
  if (use.op == Op::embed) return [](const TensorTypeInfo& type) { return type.has_rows(); };
  if (use.is_quantized) return [](const TensorTypeInfo& type) { return type.has_numbers(); };
  return [](const TensorTypeInfo& type) { return type.has_numbers() || type.has_rows(); };
}

Tensor Loader::matrix(const std::string& prefix, uint64_t n, uint64_t k, const WeightUse& use) {
  const std::string name = prefix + ".weight";
  const auto count = static_cast<uint64_t>(use.count);
  const GgufTensor* tensor = find(name, n, k, count);
  if (!tensor) return {};
  const TensorTypeInfo* type = &info(tensor->type);
  Tensor made = {tensor->name, tensor->type, static_cast<uint32_t>(n), static_cast<uint32_t>(k),
                 tensor->data};
  made.count = static_cast<uint32_t>(count);
  made.order = options_.i2s_order.value_or(I2sOrder::blocks_of_128);
  if (type->rewritten_as) {
    if (!rewrite(made)) return {};
    type = &info(made.type);
  }
  const TypeTest fits = test_for(use);
  if (!fits(*type)) {
    complain_of(name,
                fmt::format("has type {}; {} must be {}", type->name,
                            use.op != Op::embed && use.is_quantized ? "a matrix of whole numbers" : "it",
                            names_of_types(fits)));
    return {};
  }
  made.weights = type->weights;
  if (type->layout) {
    const uint64_t block = type->layout_elements(made.order);
    if (n * k % block != 0) {
      complain_of(name,
                  fmt::format("its {} elements are not whole {} blocks of {}", n * k, type->name, block));
      return {};
    }
    made.scale = tail_scale(made);
    made.data = made.data.first(made.data.size() - type->tail_bytes);
    if (made.scale == 0 || type->all_zero(made.data)) warn_of_zeros(name);
  }
  made.scale *= factor_of(prefix);
  return made;
}

bool Loader::rewrite(Tensor& tensor) {
  const TensorTypeInfo &type = info(tensor.type), &other = *type.rewritten_as;
  const std::optional<TileSizes> tiles = type.read_tiles ? tiles_of(tensor) : std::nullopt;
  if (type.read_tiles && !tiles) return false;
  const uint64_t elements = uint64_t{tensor.n} * tensor.k;
  const uint64_t size =
      tiles ? elements / other.block_elements * other.block_bytes + other.tail_bytes : tensor.data.size();
  auto memory = Memory::allocate(size);
  if (!memory) {
    complain_of(tensor.name, memory.error().message);
    return false;
  }
  const std::span<std::byte> bytes = memory->as<std::byte>().first(size);
  if (tiles) {
    if (const auto bad = type.read_tiles(tensor.data, *tiles, bytes)) {
      complain_of(tensor.name, fmt::format("its code at row {}, column {} stands for no weights, so it is "
                                           "damaged, or its tiles have other sizes",
                                           *bad / tensor.k, *bad % tensor.k));
      return false;
    }
  } else {
    type.rewrite(tensor.data, tensor.k, bytes);
  }
  model_.rewritten.push_back(std::move(*memory));
  tensor.data = bytes;
  tensor.type = other.type;
  if (tiles) tensor.order = I2sOrder::blocks_of_128;
  return true;
}

// The sizes of the tensor's tiles, if they are known and fit.
std::optional<TileSizes> Loader::tiles_of(const Tensor& tensor) {
  const auto given = std::ranges::find_if(
      tiles_, [&](const TileSizes& tiles) { return tiles.n == tensor.n && tiles.k == tensor.k; });
  std::optional<TileSizes> tiles = known_tile_sizes(tensor.type, tensor.n, tensor.k);
  if (given != tiles_.end()) tiles = *given;
  if (!tiles || tensor.count != 1) {
    complain_of(tensor.name,
                fmt::format("the sizes of the {} tiles of {} x {} weights are not known, nor are they in the "
                            "file: --tile-sizes gives them",
                            name_of(tensor.type), tensor.n, tensor.k));
    return std::nullopt;
  }
  if (const auto fault = find_tile_fault(tensor.type, *tiles)) {
    complain_of(tensor.name, fmt::format("cannot have its {} tiles: {}", name_of(tensor.type), *fault));
    return std::nullopt;
  }
  if (given == tiles_.end() && !warned_of_tiles_) {
    warned_of_tiles_ = true;
    model_.warnings.push_back(fmt::format(
        "the file does not hold the sizes of its {} tiles: those of bitnet.cpp's setup_env.py are "
        "taken; if text is nonsense, --tile-sizes gives others",
        name_of(tensor.type)));
  }
  return tiles;
}

// A wrong order gives fluent nonsense, so the weights are asked where the user has not said which it is.
void Loader::find_i2s_order() {
  if (options_.i2s_order || !weigh_i2s_orders(model_).is_64()) return;
  const auto mark = [](Weights& weights) {
    for (auto& [role, tensor] : weights.matrices) {
      if (tensor.type == TensorType::i2_s) tensor.order = I2sOrder::blocks_of_64;
    }
  };
  mark(model_.outside);
  for (Weights& layer : model_.layers) mark(layer);
  model_.warnings.emplace_back(
      "its I2_S codes are read in blocks of 64, the order of bitnet.cpp's builds for ARM, as its weights "
      "match "
      "one another only so; --i2s-order 128 reads them in blocks of 128");
}

// Narrows the matrices, each on one of as many threads as the machine has.
void Loader::narrow_all() {
  std::vector<Tensor*> tensors;
  for (Weights& layer : model_.layers) {
    for (auto& [role, tensor] : layer.matrices) tensors.push_back(&tensor);
  }
  for (auto& [role, tensor] : model_.outside.matrices) tensors.push_back(&tensor);
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i; (i = next++) < tensors.size();) {
      narrow(*tensors[i]);
      model_.file.release(tensors[i]->data);  // else the file is in memory beside what is packed from it
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < std::min(std::thread::hardware_concurrency(), 16u); ++i)
    threads.emplace_back(work);
  work();
  threads.clear();
  for (const Tensor* tensor : tensors) {
    if (!info(tensor->type).layout && tensor->weights.scaling == ir::Scaling::tensor && tensor->scale == 0)
      warn_of_zeros(tensor->name);
  }
}

void Loader::warn_of_zeros(std::string_view name) {
  model_.warnings.push_back(fmt::format("tensor '{}' holds only zeros: the file may be damaged", name));
}

float Loader::tail_scale(const Tensor& tensor) {
  const TensorTypeInfo& type = info(tensor.type);
  const float scale = type.read_scale(tensor.data.last(type.tail_bytes));
  if (!(scale >= 0 && scale <= max_scale)) {  // also false for NaN
    complain_of(tensor.name, fmt::format("its scale is {}, outside of 0 to {}", scale, max_scale));
  }
  return scale;
}

// What the file's tensor PREFIX.scale says that products are multiplied with; 1 if there is none.
float Loader::factor_of(const std::string& prefix) {
  const std::string name = prefix + ".scale";
  if (!model_.file.find_tensor(name)) return 1;
  const GgufTensor* factor = find(name, 1, 1, 1);
  if (!factor) return 1;
  if (factor->type != TensorType::f32) {
    complain_of(name, fmt::format("has type {}, not F32", name_of(factor->type)));
    return 1;
  }
  float value = 0;
  std::memcpy(&value, factor->data.data(), sizeof(value));
  if (!(std::fabs(value) <= max_scale)) complain_of(name, fmt::format("is {}, out of range", value));
  return value;
}

// [n][k] numbers as [k][n].
std::vector<float> transposed(const std::vector<float>& values, uint64_t n, uint64_t k) {
  std::vector<float> result(values.size());
  if (values.size() != n * k) return result;
  for (uint64_t i = 0; i < n; ++i) {
    for (uint64_t j = 0; j < k; ++j) result[j * n + i] = values[i * k + j];
  }
  return result;
}

void Loader::load_weights(const WeightUse& use) {
  Weights& weights = use.layer < 0 ? model_.outside : model_.layers[static_cast<size_t>(use.layer)];
  const std::string prefix = tensor_prefix(use.role, use.layer), name = tensor_name(use.role, use.layer);
  const Hyperparameters& h = model_.hyperparameters;
  if (use.role == WeightRole::output && h.tied_head) return;
  const auto n = static_cast<uint64_t>(use.op == Op::embed ? h.vocabulary_size : use.n),
             k = static_cast<uint64_t>(use.k);
  if (info(use.role).is_norm)
    weights.norms[use.role] = vector(name, n, k);
  else
    weights.matrices[use.role] = matrix(prefix, n, k, use);
  if (use.op == Op::convolve) weights.norms[use.role] = transposed(weights.norms[use.role], n, k);
}

// Of the divisors for short and for long contexts a graph reads one. Spare layers are not run.
bool Loader::is_spare(std::string_view tensor) const {
  const Hyperparameters& h = model_.hyperparameters;
  for (uint32_t layer = h.block_count; layer < h.block_count + h.spare_layers; ++layer) {
    if (tensor.starts_with(fmt::format("blk.{}.", layer))) return true;
  }
  return tensor == "rope_factors_long.weight" || tensor == "rope_factors_short.weight";
}

// A tensor that has no role here means a graph that differs from ours; to ignore it would give wrong text.
void Loader::refuse_unused() {
  for (const GgufTensor& tensor : model_.file.tensors) {
    if (used_.contains(tensor.name) || is_spare(tensor.name)) continue;
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
  const bool whole = head && info(head->type).has_rows() && info(head->type).has_numbers();
  return whole && !options_.exact_head && options_.activations != Activations::f32 ? head_activation_group
                                                                                   : 0;
}

// See load_model.
void Loader::choose_activations() {
  Hyperparameters& h = model_.hyperparameters;
  bool is_bitnet = find_family(h.architecture)->activations_per_token;
  bool has_one_scale = true;
  for (const Weights& layer : model_.layers) {
    for (const auto& [role, tensor] : layer.matrices)
      has_one_scale &= tensor.weights.scaling == ir::Scaling::tensor || !tensor.has_numbers();
  }
  switch (options_.activations) {
    case Activations::as_trained:
      h.activation_group = is_bitnet || has_one_scale ? 0 : activation_group;
      break;
    case Activations::i8_groups: h.activation_group = activation_group; break;
    case Activations::f32:
    case Activations::i8: break;
  }
}

Expected<Model> Loader::run() {
  if (!options_.tile_sizes.empty()) {
    TERN_ASSIGN(const FileMapping file, map_file(options_.tile_sizes));
    const auto* text = reinterpret_cast<const char*>(file.bytes().data());
    TERN_ASSIGN(tiles_, parse_tile_sizes({text, file.bytes().size()}, options_.tile_sizes));
  }
  TERN_ASSIGN(model_.hyperparameters, read_hyperparameters(model_.file));
  model_.hyperparameters.float_activations = options_.activations == Activations::f32;
  model_.hyperparameters.head_group = head_group();
  const Hyperparameters& h = model_.hyperparameters;
  TERN_ASSIGN(model_.vocabulary, read_vocabulary(model_.file, h.vocabulary_size));
  model_.layers.resize(h.block_count);
  for (const WeightUse& use : weight_uses(build_graph(h))) {
    if (!error_) load_weights(use);
  }
  if (!error_) refuse_unused();
  if (error_) return *error_;
  find_i2s_order();
  narrow_all();
  choose_activations();
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
  TERN_ASSIGN(GgufFile file, open_model_file(path));
  return load_model(std::move(file), options);
}

}  // namespace tern::runtime
