#include "runtime/convert/write_hf.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "ir/half.h"
#include "runtime/convert/ternary_rows.h"
#include "runtime/source/hf_family.h"
#include "runtime/tensor/bytes.h"

namespace tern::runtime {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// A folder beside the one to be written, which takes its place when all is in it and else goes.
class AtomicFolder {
 public:
  explicit AtomicFolder(const std::string& path) : path_(path) {
    fs::path target = fs::path(path).lexically_normal();
    if (!target.has_filename()) target = target.parent_path();
    path_ = target.string();
    const fs::path parent = target.has_parent_path() ? target.parent_path() : ".";
    temporary_ = (parent / fmt::format(".{}.{}.tmp", target.filename().string(), getpid())).string();
  }
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;
  ~AtomicFolder() {
    std::error_code ignored;
    if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
  }

  Status create() {
    std::error_code problem;
    if (fs::exists(fs::symlink_status(path_, problem)))
      return Error{"cannot write: it exists already", {path_}};
    fs::create_directory(temporary_, problem);
    if (problem) return machine_error(fmt::format("cannot write: {}", problem.message()), {path_});
    return {};
  }
  std::string operator/(const char* name) const { return (fs::path(temporary_) / name).string(); }
  Status commit() {
    std::error_code problem;
    fs::rename(temporary_, path_, problem);
    if (problem) return machine_error(fmt::format("cannot write: {}", problem.message()), {path_});
    temporary_.clear();
    return {};
  }

 private:
  std::string path_, temporary_;
};

struct Entry {
  const SourceTensor* from;
  std::string name, dtype;
  std::vector<uint64_t> shape;
  uint64_t bytes;
  bool is_packed = false, is_permuted = false;
  bool is_narrowed = false;  // F32 values that BF16 holds, as norms that came from a checkpoint
  float scale = 0;           // of a packed matrix
};

// The keys of the source as values of its own architecture.
class Keys {
 public:
  explicit Keys(const GgufFile& file) : file_(file), prefix_(std::string(architecture()) + ".") {}

  std::string_view architecture() const {
    const auto name = get_string(file_, "general.architecture");
    return name ? *name : std::string_view();
  }
  std::optional<uint64_t> integer(std::string_view key) {
    used_.push_back(prefix_ + std::string(key));
    const auto value = get_integer(file_, used_.back(), 0, uint64_t{1} << 40);
    return value ? std::optional(*value) : std::nullopt;
  }
  std::optional<double> number(std::string_view key) {
    used_.push_back(prefix_ + std::string(key));
    const auto value = get_number(file_, used_.back());
    return value ? std::optional(*value) : std::nullopt;
  }
  std::string text(std::string_view key) {
    used_.push_back(prefix_ + std::string(key));
    const auto value = get_string(file_, used_.back());
    return value ? std::string(*value) : std::string();
  }
  // A key of the architecture that nothing has asked for; empty if there is none.
  std::string unread() const {
    for (const Metadatum& datum : file_.metadata) {
      if (datum.key.starts_with(prefix_) && std::ranges::find(used_, datum.key) == used_.end())
        return std::string(datum.key);
    }
    return "";
  }

 private:
  const GgufFile& file_;
  std::string prefix_;
  std::vector<std::string> used_;
};

// A float as the shortest decimal that gives it back.
double decimal(double value) {
  return std::stod(fmt::format("{}", static_cast<float>(value)));
}

// The factors of MiniCPM as its config.json has them, such that the same floats are read back: see
// runtime/source/config_json.cpp for the formulas, and runtime/graph/families/minicpm.cpp for what holds
// where a file does not state them.
void add_minicpm(Keys& keys, ordered_json& config) {
  const double layers = config.value("num_hidden_layers", 1.0), width = config.value("hidden_size", 256.0);
  const double depth = 1.4f / std::sqrt(static_cast<float>(layers));
  config["scale_emb"] = decimal(keys.number("embedding_scale").value_or(12));
  config["scale_depth"] = keys.number("residual_scale").value_or(depth) * std::sqrt(layers);
  config["dim_model_base"] = width / keys.number("logit_scale").value_or(width / 256);
}

Expected<ordered_json> config_of(Keys& keys, const HfFamily& family, bool tied, const std::string& path) {
  ordered_json config = {{"architectures", {family.model_class}}};
  config["model_type"] = family.model_type.empty() ? "llama" : family.model_type;
  const std::pair<const char*, const char*> integers[] = {{"hidden_size", "embedding_length"},
                                                          {"intermediate_size", "feed_forward_length"},
                                                          {"num_hidden_layers", "block_count"},
                                                          {"num_attention_heads", "attention.head_count"},
                                                          {"num_key_value_heads", "attention.head_count_kv"},
                                                          {"head_dim", "attention.key_length"},
                                                          {"max_position_embeddings", "context_length"},
                                                          {"vocab_size", "vocab_size"}};
  for (const auto& [name, key] : integers) {
    if (const auto value = keys.integer(key)) config[name] = *value;
  }
  keys.integer("attention.value_length");
  const uint64_t heads = config.value("num_attention_heads", uint64_t{1}),
                 head = config.value("head_dim",
                                     config.value("hidden_size", uint64_t{0}) / std::max<uint64_t>(heads, 1));
  if (keys.integer("rope.dimension_count").value_or(head) != head)
    return Error{"RoPE turns a part of a head only, which is not written to a folder", {path}};
  if (const auto value = keys.number("attention.layer_norm_rms_epsilon"))
    config["rms_norm_eps"] = decimal(*value);
  config["rope_theta"] = decimal(keys.number("rope.freq_base").value_or(10000));
  const std::string scaling = keys.text("rope.scaling.type");
  const double factor = keys.number("rope.scaling.factor").value_or(1);
  if (scaling == "yarn") {
    config["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", decimal(factor)}};
    if (const auto original = keys.integer("rope.scaling.original_context_length"))
      config["rope_scaling"]["original_max_position_embeddings"] = *original;
  } else if (!scaling.empty() && scaling != "none" && !(scaling == "linear" && factor == 1)) {
    return Error{fmt::format("RoPE scaling of type {} is not written to a folder", quote(scaling)), {path}};
  }
  const bool is_squared = family.architecture == "bitnet-b1.58";
  const std::string stated = keys.text("hidden_activation");
  config["hidden_act"] = !stated.empty()              ? stated
                         : !family.activation.empty() ? std::string(family.activation)
                                                      : std::string(is_squared ? "relu2" : "silu");
  if (family.architecture == "minicpm") add_minicpm(keys, config);
  config["tie_word_embeddings"] = tied;
  config["torch_dtype"] = "bfloat16";
  config["quantization_config"] = {{"quant_method", "bitnet"},
                                   {"linear_class", "autobitlinear"},
                                   {"quantization_mode", "offline"},
                                   {"modules_to_not_convert", nullptr}};
  if (const std::string key = keys.unread(); !key.empty())
    return Error{fmt::format("key {} has no counterpart in a config.json that is written", quote(key)),
                 {path}};
  return config;
}

// BF16 is the upper half of F32.
bool has_low_halves_of_zero(std::span<const std::byte> floats) {
  for (size_t i = 0; i < floats.size(); i += 4) {
    if (load<uint16_t>(&floats[i]) != 0) return false;
  }
  return true;
}

const char* dtype_of(TensorType type) {
  if (type == TensorType::f32) return "F32";
  if (type == TensorType::f16) return "F16";
  if (type == TensorType::bf16) return "BF16";
  return nullptr;
}

Expected<Entry> entry_of(const ModelSource& source, const SourceTensor& tensor, const HfFamily& family) {
  const auto fault = [&](std::string_view message) {
    return Error{fmt::format("tensor {}: {}", quote(tensor.name), message), {source.path}};
  };
  const auto name = hf_tensor_name(family, tensor.name);
  if (!name) return fault(fmt::format("has no place in a checkpoint of {}", family.model_class));
  Entry entry{.from = &tensor,
              .name = *name,
              .dtype = "",
              .shape = {tensor.dims.rbegin(), tensor.dims.rend()},
              .bytes = 0};
  const auto role = gguf_tensor_name(family, *name, UINT32_MAX);
  entry.is_permuted = family.neighbours && role && (role->is_query || role->is_key);
  if (const char* dtype = dtype_of(tensor.type)) {
    if (entry.is_permuted) return fault("is not ternary, which is not written to a folder of this family");
    entry.dtype = dtype;
    if (tensor.type == TensorType::f32 && tensor.dims.size() == 1) {
      TERN_ASSIGN(const TensorBytes bytes, tensor.read());
      entry.is_narrowed = has_low_halves_of_zero(bytes.bytes);
    }
    if (entry.is_narrowed) {
      entry.dtype = "BF16";
      entry.bytes = 2 * tensor.dims[0];
      return entry;
    }
    TERN_ASSIGN(entry.bytes, tensor_bytes(tensor.type, tensor.dims));
    return entry;
  }
  if (!has_ternary_rows(tensor.type) || tensor.dims.size() != 2)
    return fault(fmt::format("has type {}, which is not written to a folder", name_of(tensor.type)));
  TERN_ASSIGN(const TensorBytes bytes, tensor.read());
  const auto rows = ternary_rows(tensor.type, tensor.dims, bytes.bytes);
  if (!rows) return fault(rows.error().message);
  const TernaryLoss loss = loss_in(*rows, *ternary_format(TensorType::i2_s, tensor.dims[0]));
  if (loss.mixed > 0)
    return fault(fmt::format("a checkpoint has one scale for it, and {} weights have others", loss.mixed));
  if (loss.twos > 0)
    return fault(fmt::format("{} weights are +2, which a checkpoint cannot hold", loss.twos));
  if (tensor.dims[1] % 4 != 0) return fault("its rows are no multiple of 4, which packing takes together");
  entry.scale = common_scale(*rows);
  if (!(entry.scale > 0)) return fault(fmt::format("its scale is {}", entry.scale));
  entry.is_packed = true;
  entry.dtype = "U8";
  entry.shape = {tensor.dims[1] / 4, tensor.dims[0]};
  entry.bytes = tensor.dims[0] * tensor.dims[1] / 4;
  return entry;
}

// Four rows of a checkpoint, a quarter of the matrix apart, share a row of bytes.
Status write_packed(const Entry& entry, uint64_t head_dimension, const ByteSink& sink) {
  TERN_ASSIGN(const TensorBytes bytes, entry.from->read());
  TERN_ASSIGN(const TernaryRows rows, ternary_rows(entry.from->type, entry.from->dims, bytes.bytes));
  // Row r of the checkpoint is row h*d + 2i + p of ours, where r = h*d + p*d/2 + i.
  const auto row_of = [&](uint64_t r) {
    if (!entry.is_permuted) return r;
    const uint64_t within = r % head_dimension, half = head_dimension / 2;
    return r - within + within % half * 2 + within / half;
  };
  std::vector<int8_t> numbers(rows.k);
  std::vector<float> scales(rows.k / rows.group);
  std::vector<std::byte> packed(rows.k);
  const uint64_t quarter = rows.n / 4;
  for (uint64_t r = 0; r < quarter; ++r) {
    std::ranges::fill(packed, std::byte{0});
    for (uint64_t part = 0; part < 4; ++part) {
      rows.read(row_of(r + part * quarter), numbers, scales);
      for (uint64_t c = 0; c < rows.k; ++c) {
        const float own = scales[c / rows.group];
        const int number = own == 0 ? 0 : own < 0 ? -numbers[c] : numbers[c];
        packed[c] |= static_cast<std::byte>(static_cast<unsigned>(number + 1) << (2 * part));
      }
    }
    TERN_TRY(sink(packed));
  }
  return {};
}

Status write_text(const std::string& path, const std::string& text) {
  TERN_ASSIGN(auto file, AtomicFile::create(path));
  TERN_TRY(file.write(std::as_bytes(std::span(text))));
  return file.commit();
}

// Header and data; `sink` counts and may interrupt.
Status write_safetensors(const std::string& path, const std::vector<Entry>& entries, uint64_t head_dimension,
                         const std::function<Status(uint64_t bytes)>& count) {
  ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t at = 0;
  const auto list = [&](const std::string& name, const std::string& dtype, const std::vector<uint64_t>& shape,
                        uint64_t bytes) {
    header[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  };
  const auto is_exact = [](float scale) { return ir::bf16_to_f32(ir::f32_to_bf16(scale)) == scale; };
  for (const Entry& entry : entries) {
    list(entry.name, entry.dtype, entry.shape, entry.bytes);
    if (entry.is_packed)
      list(scale_name(entry.name), is_exact(entry.scale) ? "BF16" : "F32", {1},
           is_exact(entry.scale) ? 2 : 4);
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that data begin at a multiple of 8
  TERN_ASSIGN(auto file, AtomicFile::create(path));
  const uint64_t length = text.size();
  TERN_TRY(file.write(std::as_bytes(std::span(&length, 1))));
  TERN_TRY(file.write(std::as_bytes(std::span(text))));
  const ByteSink sink = [&](std::span<const std::byte> bytes) -> Status {
    TERN_TRY(count(bytes.size()));
    return file.write(bytes);
  };
  for (const Entry& entry : entries) {
    if (!entry.is_packed) {
      TERN_ASSIGN(const TensorBytes bytes, entry.from->read());
      if (entry.is_narrowed) {
        std::vector<std::byte> halves(entry.bytes);
        for (size_t i = 0; i < halves.size(); i += 2)
          store(load<uint16_t>(&bytes.bytes[2 * i + 2]), &halves[i]);
        TERN_TRY(sink(halves));
        continue;
      }
      constexpr size_t piece = size_t{1} << 18;
      for (size_t i = 0; i < bytes.bytes.size(); i += piece)
        TERN_TRY(sink(bytes.bytes.subspan(i, std::min(piece, bytes.bytes.size() - i))));
      continue;
    }
    TERN_TRY(write_packed(entry, head_dimension, sink));
    const uint16_t half = ir::f32_to_bf16(entry.scale);
    TERN_TRY(file.write(is_exact(entry.scale) ? std::as_bytes(std::span(&half, 1))
                                              : std::as_bytes(std::span(&entry.scale, 1))));
  }
  return file.commit();
}

}  // namespace

Expected<ConvertRemarks> convert_to_hf(const ModelSource& source, const std::string& path,
                                       const ConvertOptions& options) {
  // The keys in a form that can be asked.
  TERN_ASSIGN(auto header, gguf_header_bytes(source.path, {source.metadata, {}}));
  TERN_ASSIGN(const GgufFile file, parse_gguf(FileMapping(source.path, std::move(header))));
  Keys keys(file);
  const HfFamily* family = find_hf_family_of(keys.architecture());
  if (!family || family->norms_plus_one || family->architecture == "qwen3moe")
    return Error{
        fmt::format("models of architecture {} are not written to folders", quote(keys.architecture())),
        {source.path}};
  for (const Metadatum& each : file.metadata) {
    if (each.key.starts_with("prism."))
      return Error{
          fmt::format("the weights are turned, as key {} says, which folders cannot say", quote(each.key)),
          {source.path}};
  }
  std::vector<Entry> entries;
  uint64_t total = 0, done = 0;
  for (const SourceTensor& tensor : source.tensors) {
    if (options.interrupted && options.interrupted()) return Error{"interrupted", {}, ErrorKind::interrupted};
    TERN_ASSIGN(Entry entry, entry_of(source, tensor, *family));
    total += entry.bytes;
    entries.push_back(std::move(entry));
  }
  const bool tied =
      std::ranges::none_of(entries, [](const Entry& entry) { return entry.name == "lm_head.weight"; });
  TERN_ASSIGN(const ordered_json config, config_of(keys, *family, tied, source.path));
  const uint64_t heads = config.value("num_attention_heads", uint64_t{1}),
                 head = config.value("head_dim",
                                     config.value("hidden_size", uint64_t{0}) / std::max<uint64_t>(heads, 1));
  if (head < 2) return Error{"its heads are narrower than 2", {source.path}};

  AtomicFolder folder(path);
  TERN_TRY(folder.create());
  TERN_TRY(write_text(folder / "config.json", config.dump(1, ' ') + "\n"));
  GgufHeader vocabulary;
  vocabulary.metadata.emplace_back("general.architecture", std::string(keys.architecture()));
  std::optional<std::string_view> tokenizer_json;
  for (const Metadatum& datum : file.metadata) {
    if (!datum.key.starts_with("tokenizer.")) continue;
    vocabulary.metadata.emplace_back(datum.key, datum.value);
    if (datum.key == "tokenizer.huggingface.json") {
      if (const auto text = get_string(file, datum.key)) tokenizer_json = *text;
    }
  }
  TERN_TRY(
      write_gguf(folder / "tokenizer.gguf", vocabulary, [](size_t, const ByteSink&) { return Status(); }));
  if (tokenizer_json) TERN_TRY(write_text(folder / "tokenizer.json", std::string(*tokenizer_json)));
  TERN_TRY(write_safetensors(folder / "model.safetensors", entries, head, [&](uint64_t bytes) -> Status {
    if (options.interrupted && options.interrupted()) return Error{"interrupted", {}, ErrorKind::interrupted};
    done += bytes;
    if (options.progress) options.progress(std::min(done, total), total);
    return {};
  }));
  TERN_TRY(folder.commit());
  if (tokenizer_json) return ConvertRemarks();
  return ConvertRemarks{
      "no tokenizer.json was written, as the source has none; Tern reads tokenizer.gguf in the folder, other "
      "programs need the tokenizer's files from the model's origin"};
}

}  // namespace tern::runtime
