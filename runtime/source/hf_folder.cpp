#include "runtime/source/hf_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "runtime/source/config_json.h"
#include "runtime/source/foreign_file.h"
#include "runtime/source/safetensors.h"
#include "runtime/source/ternary_weights.h"
#include "runtime/source/vocabulary_keys.h"
#include "runtime/tensor/tensor_rows.h"
#include "runtime/text/tokenizer_json.h"

namespace tern::runtime {
namespace {

namespace fs = std::filesystem;

constexpr const char* index_name = "model.safetensors.index.json";
constexpr std::string_view ending = ".safetensors", index_ending = ".safetensors.index.json";
constexpr uint32_t file_type_i2_s = 40, quantization_version = 2;
constexpr size_t max_config = size_t{1} << 24;

fs::path folder_of(const fs::path& path) {
  std::error_code problem;
  return fs::is_directory(path, problem) ? path : path.parent_path();
}

Expected<HfConfig> read_config(const fs::path& folder) {
  const std::string path = (folder / "config.json").string();
  TERN_ASSIGN(const FileMapping file, map_file(path));
  if (const auto foreign = foreign_file_fault(file.bytes())) return Error{*foreign, {path}};
  if (file.bytes().size() > max_config)
    return Error{fmt::format("has {} bytes, above the limit of {}", file.bytes().size(), max_config), {path}};
  return read_config_json({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, path);
}

Expected<Safetensors> open_one(const fs::path& path) {
  TERN_ASSIGN(FileMapping file, map_file(path.string()));
  return parse_safetensors(std::move(file));
}

// The tensors of the folder, or the file that was named in it. A shard stands for all.
Expected<Safetensors> open_tensors(const fs::path& path) {
  const fs::path folder = folder_of(path);
  std::error_code problem;
  if (path != folder && path.string().ends_with(index_ending)) return open_sharded_safetensors(path.string());
  const bool is_shard = path != folder && path.string().find("-of-") != std::string::npos;
  if (path != folder && !(is_shard && fs::exists(folder / index_name, problem))) return open_one(path);
  if (fs::exists(folder / index_name, problem))
    return open_sharded_safetensors((folder / index_name).string());
  if (fs::exists(folder / "model.safetensors", problem)) return open_one(folder / "model.safetensors");

  std::vector<fs::path> found;
  bool pickled = false;
  for (const auto& entry : fs::directory_iterator(folder, problem)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(ending)) found.push_back(entry.path());
    pickled = pickled || name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth");
  }
  if (found.size() == 1) return open_one(found.front());
  if (found.size() > 1)
    return Error{fmt::format("holds {} safetensors files and no {} that says what belongs together",
                             found.size(), index_name),
                 {folder.string()}};
  return Error{pickled
                   ? "holds tensors pickled by PyTorch only, which nothing but running the code inside could "
                     "read: what can be read is safetensors or GGUF"
                   : "holds a config.json but no safetensors file",
               {folder.string()}};
}

std::optional<TensorType> float_type(SafetensorsType type) {
  if (type == SafetensorsType::f32) return TensorType::f32;
  if (type == SafetensorsType::f16) return TensorType::f16;
  if (type == SafetensorsType::bf16) return TensorType::bf16;
  return std::nullopt;
}

Expected<TensorBytes> norm_bytes(const SafetensorsTensor& norm, TensorType type, float added) {
  std::vector<float> values(norm.elements());
  decode_row(type, norm.data, values);
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  for (float& value : values) value += added;
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return TensorBytes(std::move(bytes));
}

Expected<TensorBytes> permuted_rows(const SafetensorsTensor& matrix, const RowOrder& order) {
  const uint64_t rows = matrix.shape[0], row_bytes = matrix.data.size() / rows;
  std::vector<std::byte> bytes(matrix.data.size());
  for (uint64_t row = 0; row < rows; ++row)
    std::memcpy(&bytes[row * row_bytes], &matrix.data[order(row) * row_bytes], row_bytes);
  return TensorBytes(std::move(bytes));
}

// The type of ternary blocks that holds all of these matrices; nothing if none does.
std::optional<TensorType> ternary_type_of_all(const std::vector<const SafetensorsTensor*>& matrices) {
  std::optional<TensorType> common;
  for (const SafetensorsTensor* matrix : matrices) {
    const std::optional<TensorType> type = ternary_type_of(*matrix);
    if (!type) return std::nullopt;
    if (!common || info(*type).block_elements < info(*common).block_elements) common = type;
  }
  return common;  // the smaller blocks hold what the larger ones do
}

// Makes tensors of a folder's.
class Folder {
 public:
  Folder(const fs::path& path, HfConfig config, Safetensors tensors)
      : path_(path),
        config_(std::move(config)),
        held_(std::make_shared<const Safetensors>(std::move(tensors))) {
    result_.path = path.string();
    result_.files = held_->files;
  }

  Expected<ModelSource> run() {
    TERN_TRY(add_metadata());
    for (const SafetensorsTensor& tensor : held_->tensors) TERN_TRY(add(tensor));
    TERN_TRY(add_experts());
    TERN_TRY(finish());
    return std::move(result_);
  }

 private:
  Error fault(const SafetensorsTensor& tensor, std::string_view message) const {
    return Error{fmt::format("tensor {}: {}", quote(tensor.name), message), {result_.path}};
  }
  // `make` is called with the tensor, which stays alive; its errors get name and place.
  template <class Make>
  void put(const std::string& name, TensorType type, const SafetensorsTensor& tensor,
           std::vector<uint64_t> dims, Make make) {
    result_.tensors.push_back(
        {name, type, std::move(dims),
         [held = held_, &tensor, make = std::move(make), path = result_.path]() -> Expected<TensorBytes> {
           auto made = make(tensor);
           if (made) return TensorBytes(made.take());
           return Error{fmt::format("tensor {}: {}", quote(tensor.name), made.error().message), {path}};
         }});
  }
  Status add_metadata();
  Status add(const SafetensorsTensor& tensor);
  Status add_norm(const SafetensorsTensor& tensor, const HfTensorName& name);
  Status add_table(const SafetensorsTensor& tensor, const HfTensorName& name);
  Status add_router(const SafetensorsTensor& tensor, const HfTensorName& name);
  Status add_experts();
  Status add_matrix(const SafetensorsTensor& tensor, const HfTensorName& name);
  void put_floats(const std::string& name, TensorType type, const SafetensorsTensor& tensor,
                  const RowOrder& order);
  Status add_packed(const SafetensorsTensor& tensor, const SafetensorsTensor& scale, const HfTensorName& name,
                    const RowOrder& order);
  bool stays_float(const SafetensorsTensor& tensor) const;
  Status finish();

  fs::path path_;
  HfConfig config_;
  std::shared_ptr<const Safetensors> held_;
  std::map<std::string, std::vector<const SafetensorsTensor*>> experts_;  // by the name of all in GGUF
  ModelSource result_;
};

Status Folder::add_metadata() {
  const fs::path folder = folder_of(path_);
  std::error_code problem;
  const fs::path full = fs::absolute(folder, problem).lexically_normal();
  const std::string name = (full.has_filename() ? full : full.parent_path()).filename().string();
  result_.metadata = {{"general.architecture", std::string(config_.family->architecture)}};
  if (!name.empty()) result_.metadata.emplace_back("general.name", name);
  for (auto& key : config_.metadata) result_.metadata.push_back(std::move(key));
  result_.metadata.emplace_back("general.file_type", file_type_i2_s);
  result_.metadata.emplace_back("general.quantization_version", quantization_version);
  // What convert_to_hf writes where it cannot write a tokenizer.json: the keys themselves.
  if (!fs::exists(folder / "tokenizer.json", problem) && fs::exists(folder / "tokenizer.gguf", problem)) {
    TERN_ASSIGN(FileMapping mapping, map_file((folder / "tokenizer.gguf").string()));
    TERN_ASSIGN(const GgufFile file, parse_gguf(std::move(mapping)));
    result_.files.push_back(file.file);
    for (const Metadatum& datum : file.metadata) {
      if (datum.key.starts_with("tokenizer.")) result_.metadata.emplace_back(datum.key, datum.value);
    }
    return {};
  }
  TERN_ASSIGN(Vocabulary vocabulary, read_tokenizer_json(folder.string()));
  TERN_TRY(pad_vocabulary(vocabulary, config_.vocabulary_size));
  for (auto& key : vocabulary_keys(std::move(vocabulary))) result_.metadata.push_back(std::move(key));
  return {};
}

Status Folder::add(const SafetensorsTensor& tensor) {
  if (is_redundant_hf_tensor(tensor.name)) return {};
  constexpr std::string_view scale_ending = "_scale";
  if (tensor.name.ends_with(scale_ending)) {
    const auto of = std::string_view(tensor.name).substr(0, tensor.name.size() - scale_ending.size());
    if (!held_->find(of)) return fault(tensor, "there is no matrix that it scales");
    return {};
  }
  const auto name = gguf_tensor_name(*config_.family, tensor.name, config_.layers);
  if (!name)
    return fault(tensor, fmt::format("has no known role in models of class {}", config_.family->model_class));
  switch (name->role) {
    case HfRole::norm: return add_norm(tensor, *name);
    case HfRole::table: return add_table(tensor, *name);
    case HfRole::router: return add_router(tensor, *name);
    case HfRole::matrix: break;
  }
  if (name->expert) {
    std::vector<const SafetensorsTensor*>& matrices = experts_[name->name];
    if (*name->expert >= config_.experts)
      return fault(tensor, fmt::format("there are {} experts by config.json", config_.experts));
    matrices.resize(config_.experts);
    matrices[*name->expert] = &tensor;
    return {};
  }
  return add_matrix(tensor, *name);
}

Status Folder::add_norm(const SafetensorsTensor& tensor, const HfTensorName& name) {
  const auto type = float_type(tensor.type);
  if (!type) return fault(tensor, fmt::format("has type {}; a norm must be a float", info(tensor.type).name));
  if (tensor.shape.size() != 1 || tensor.shape[0] == 0) return fault(tensor, "a norm must be a vector");
  const float added = config_.family->norms_plus_one && !name.is_input_norm ? 1.0f : 0.0f;
  put(name.name, TensorType::f32, tensor, {tensor.shape[0]},
      [type = *type, added](const SafetensorsTensor& from) { return norm_bytes(from, type, added); });
  return {};
}

Status Folder::add_table(const SafetensorsTensor& tensor, const HfTensorName& name) {
  // transformers does not read the head of a file whose head is tied.
  if (name.name == "output.weight" && config_.tied_head) return {};
  const auto type = float_type(tensor.type);
  if (!type) return fault(tensor, fmt::format("has type {}; it must be a float", info(tensor.type).name));
  if (tensor.shape.size() != 2 || tensor.data.empty()) return fault(tensor, "must be a matrix");
  put_floats(name.name, *type, tensor, {});
  return {};
}

// Scores of experts are sums of f32.
Status Folder::add_router(const SafetensorsTensor& tensor, const HfTensorName& name) {
  const auto type = float_type(tensor.type);
  if (!type)
    return fault(tensor, fmt::format("has type {}; a router must be a float", info(tensor.type).name));
  if (tensor.shape.size() != 2 || tensor.data.empty()) return fault(tensor, "must be a matrix");
  put(name.name, TensorType::f32, tensor, {tensor.shape[1], tensor.shape[0]},
      [type = *type](const SafetensorsTensor& from) { return norm_bytes(from, type, 0); });
  return {};
}

// Of the matrices of all experts one tensor, in a type that holds each of them.
Status Folder::add_experts() {
  for (const auto& [name, matrices] : experts_) {
    const auto missing = std::ranges::find(matrices, nullptr);
    if (missing != matrices.end())
      return Error{
          fmt::format("the matrix of expert {} of {} is missing", missing - matrices.begin(), quote(name)),
          {result_.path}};
    const SafetensorsTensor& first = *matrices.front();
    const auto type = float_type(first.type);
    if (!type || first.shape.size() != 2 || first.data.empty())
      return fault(first, fmt::format("must be a matrix of floats, not of {}", info(first.type).name));
    for (const SafetensorsTensor* matrix : matrices) {
      if (matrix->type != first.type || matrix->shape != first.shape)
        return fault(*matrix, "differs in type or shape from that of the first expert");
    }
    if (!stays_float(first)) return fault(first, "masters of experts to be quantised are not supported");
    const std::optional<TensorType> blocks = ternary_type_of_all(matrices);
    result_.tensors.push_back({name,
                               blocks.value_or(*type),
                               {first.shape[1], first.shape[0], matrices.size()},
                               [held = held_, matrices = matrices, blocks]() -> Expected<TensorBytes> {
                                 std::vector<std::byte> all;
                                 for (const SafetensorsTensor* matrix : matrices) {
                                   if (blocks) {
                                     const std::vector<std::byte> packed = pack_ternary(*matrix, *blocks, {});
                                     all.insert(all.end(), packed.begin(), packed.end());
                                   } else {
                                     all.insert(all.end(), matrix->data.begin(), matrix->data.end());
                                   }
                                 }
                                 return TensorBytes(std::move(all));
                               }});
  }
  return {};
}

bool Folder::stays_float(const SafetensorsTensor& tensor) const {
  return !config_.masters || std::ranges::any_of(config_.unconverted, [&](const std::string& part) {
    return tensor.name.find(part) != tensor.name.npos;
  });
}

Status Folder::add_matrix(const SafetensorsTensor& tensor, const HfTensorName& name) {
  if (tensor.shape.size() != 2 || tensor.data.empty()) return fault(tensor, "must be a matrix");
  const SafetensorsTensor* scale = held_->find(scale_name(tensor.name));
  const uint64_t n = tensor.shape[0] * (scale ? 4 : 1), k = tensor.shape[1];
  RowOrder order;
  if (config_.family->neighbours && (name.is_query || name.is_key)) {
    if (n % config_.head_dimension != 0)
      return fault(tensor, fmt::format("its {} rows are not whole heads of {}", n, config_.head_dimension));
    order = rows_of_neighbours(config_.head_dimension);
  }
  if (scale) return add_packed(tensor, *scale, name, order);
  const auto type = float_type(tensor.type);
  if (!type)
    return fault(tensor, fmt::format("has type {} and no weight_scale beside it", info(tensor.type).name));
  if (!stays_float(tensor)) {
    if (!i2_s_fits(n, k))
      return fault(tensor, fmt::format("{} x {} weights are not whole blocks of 128", n, k));
    put(name.name, TensorType::i2_s, tensor, {k, n},
        [order](const SafetensorsTensor& from) { return quantize_masters(from, order); });
  } else {
    put_floats(name.name, *type, tensor, order);
  }
  return {};
}

// Weights as they are: ternary ones in blocks, which are a seventh of BF16.
void Folder::put_floats(const std::string& name, TensorType type, const SafetensorsTensor& tensor,
                        const RowOrder& order) {
  const std::vector<uint64_t> dims = {tensor.shape[1], tensor.shape[0]};
  if (const auto blocks = ternary_type_of(tensor)) {
    put(name, *blocks, tensor, dims, [order, type = *blocks](const SafetensorsTensor& from) {
      return Expected<TensorBytes>(TensorBytes(pack_ternary(from, type, order)));
    });
  } else if (order) {
    put(name, type, tensor, dims,
        [order](const SafetensorsTensor& from) { return permuted_rows(from, order); });
  } else {
    put(name, type, tensor, dims,
        [](const SafetensorsTensor& from) { return Expected<TensorBytes>(TensorBytes(from.data)); });
  }
}

Status Folder::add_packed(const SafetensorsTensor& tensor, const SafetensorsTensor& scale,
                          const HfTensorName& name, const RowOrder& order) {
  if (tensor.type != SafetensorsType::u8)
    return fault(tensor, fmt::format("has a weight_scale and type {}, not U8", info(tensor.type).name));
  if (!config_.packed)
    return fault(tensor, "is packed, though the config.json says that weights are quantised in every pass");
  const uint64_t n = tensor.shape[0] * 4, k = tensor.shape[1];
  if (!i2_s_fits(n, k))
    return fault(tensor, fmt::format("{} x {} weights are not whole blocks of 128", n, k));
  put(name.name, TensorType::i2_s, tensor, {k, n},
      [order, n, &scale, rule = *config_.packed](const SafetensorsTensor& from) {
        return unpack_ternary(from, n, scale, rule, order);
      });
  return {};
}

// The head is there where it must be, RoPE's divisors are a tensor, and all are in order of layers.
Status Folder::finish() {
  const auto is_head = [](const SourceTensor& tensor) { return tensor.name == "output.weight"; };
  if (!config_.tied_head && std::ranges::none_of(result_.tensors, is_head))
    return Error{
        "the tensor 'lm_head.weight' is missing, and config.json does not tie the head to the embedding",
        {result_.path}};
  if (!config_.rope_divisors.empty()) {
    const auto from = std::as_bytes(std::span(config_.rope_divisors));
    result_.tensors.push_back({"rope_freqs.weight",
                               TensorType::f32,
                               {config_.rope_divisors.size()},
                               [bytes = std::vector(from.begin(), from.end())]() -> Expected<TensorBytes> {
                                 return TensorBytes(std::vector(bytes));
                               }});
  }
  // token_embd, rope_freqs, the layers, output_norm, output.
  const auto rank = [](const SourceTensor& tensor) -> int {
    if (tensor.name.starts_with("blk.")) return 2 + std::atoi(tensor.name.c_str() + 4);
    return tensor.name.starts_with("output") ? 1 << 30 : tensor.name == "token_embd.weight" ? 0 : 1;
  };
  std::ranges::stable_sort(result_.tensors, {}, rank);
  return {};
}

}  // namespace

bool is_hf_model(const std::string& path) {
  std::error_code problem;
  const bool is_folder = fs::is_directory(path, problem);
  const std::string name = fs::path(path).filename().string();
  if (!is_folder && !name.ends_with(ending) && !name.ends_with(index_ending)) return false;
  return fs::exists(folder_of(path) / "config.json", problem);
}

Expected<ModelSource> open_hf_model(const std::string& path) {
  TERN_ASSIGN(HfConfig config, read_config(folder_of(path)));
  TERN_ASSIGN(Safetensors tensors, open_tensors(path));
  return Folder(path, std::move(config), std::move(tensors)).run();
}

}  // namespace tern::runtime
