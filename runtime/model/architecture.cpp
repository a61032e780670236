#include "runtime/model/architecture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <vector>

#include "runtime/graph/families.h"

namespace tern::runtime {
namespace {

// Reads keys `ARCHITECTURE.name`; the first fault stays and later reads give 1.
class Keys {
 public:
  Keys(const GgufFile& file, std::string_view prefix) : file_(file), prefix_(prefix) {}

  bool has(std::string_view name) const { return file_.find(full(name)); }

  uint32_t integer(std::string_view name, uint32_t highest) {
    const auto value = get_integer(file_, full(name), 1, highest);
    if (value) return static_cast<uint32_t>(*value);
    note(value.error());
    return 1;
  }
  uint32_t integer_or(uint32_t default_value, std::string_view name, uint32_t highest) {
    return has(name) ? integer(name, highest) : default_value;
  }
  float positive(std::string_view name, double lowest, double highest) {
    const auto value = get_number(file_, full(name));
    if (!value) {
      note(value.error());
      return 1;
    }
    if (!(*value >= lowest && *value <= highest)) {  // also false for NaN
      complain(fmt::format("key '{}' is {}, outside of {} to {}", full(name), *value, lowest, highest));
    }
    return static_cast<float>(*value);
  }
  float positive_or(float default_value, std::string_view name, double lowest, double highest) {
    return has(name) ? positive(name, lowest, highest) : default_value;
  }

  void complain(std::string message) { note(Error{std::move(message), {file_.path()}}); }
  void note(const Error& error) {
    if (!error_) error_ = error;
  }
  std::string full(std::string_view name) const { return prefix_ + "." + std::string(name); }
  const std::optional<Error>& error() const { return error_; }

 private:
  const GgufFile& file_;
  std::string prefix_;
  std::optional<Error> error_;
};

// The number of token texts, for files without the key `vocab_size`.
uint32_t count_tokens(const GgufFile& file, Keys& keys) {
  const MetadataValue* value = file.find("tokenizer.ggml.tokens");
  const MetadataArray* tokens = value ? std::get_if<MetadataArray>(value) : nullptr;
  if (tokens && tokens->count >= 1 && tokens->count <= max_vocabulary)
    return static_cast<uint32_t>(tokens->count);
  keys.complain(fmt::format("key '{}' is missing, and so is a list of tokens", keys.full("vocab_size")));
  return 1;
}

uint32_t head_dimension(const Hyperparameters& h, Keys& keys) {
  if (keys.has("attention.key_length")) {
    const uint32_t length = keys.integer("attention.key_length", max_head_dimension);
    if (keys.integer_or(length, "attention.value_length", max_head_dimension) != length) {
      keys.complain("keys and values of different lengths are not supported");
    }
    return length;
  }
  if (h.embedding_length % h.head_count != 0) {
    keys.complain(fmt::format("an embedding of {} cannot be split into {} heads, and there is no key '{}'",
                              h.embedding_length, h.head_count, keys.full("attention.key_length")));
  }
  return std::max(1u, h.embedding_length / h.head_count);
}

// Linear scaling by 1, which some converters write, changes nothing.
void refuse_rope_scaling(const GgufFile& file, Keys& keys) {
  if (!keys.has("rope.scaling.type")) return;
  const auto type = get_string(file, keys.full("rope.scaling.type"));
  if (!type) return keys.note(type.error());
  if (*type == "none") return;
  const float factor = keys.positive_or(1, "rope.scaling.factor", 0, 1e6);
  if (*type != "linear" || factor != 1.0f) {
    keys.complain(fmt::format("RoPE scaling of type {} by {} is not supported", quote(*type), factor));
  }
}

Error unknown_architecture(const GgufFile& file, std::string_view name) {
  std::vector<std::string_view> known;
  for (const Architecture& row : architectures()) known.push_back(row.name);
  return Error{fmt::format("has the architecture {}; supported are {}", quote(name), fmt::join(known, ", ")),
               {file.path()}};
}

}  // namespace

std::string_view name_of(Activation activation) {
  switch (activation) {
    case Activation::squared_relu: return "squared ReLU";
    case Activation::silu: return "SiLU";
  }
  assert(false);
  return "";
}

std::optional<std::string> find_head_fault(const Hyperparameters& h) {
  if (h.head_count % h.head_count_kv != 0) {
    return fmt::format("{} heads cannot share {} key-value heads evenly", h.head_count, h.head_count_kv);
  }
  if (h.rope_dimension % 2 != 0 || h.rope_dimension > h.head_dimension) {
    return fmt::format(
        "RoPE turns {} elements of a head of {}: their number must be even and at most that of the head",
        h.rope_dimension, h.head_dimension);
  }
  if (h.query_length() > max_matrix_width) {
    return fmt::format("{} heads of {} are wider than the limit of {}", h.head_count, h.head_dimension,
                       max_matrix_width);
  }
  return std::nullopt;
}

Expected<Hyperparameters> read_hyperparameters(const GgufFile& file) {
  TERN_ASSIGN(const std::string_view name, get_string(file, "general.architecture"));
  const Architecture* architecture = find_architecture(name);
  if (!architecture) return unknown_architecture(file, name);

  Keys keys(file, name);
  Hyperparameters h;
  h.architecture = name;
  h.vocabulary_size =
      keys.has("vocab_size") ? keys.integer("vocab_size", max_vocabulary) : count_tokens(file, keys);
  h.context_length = keys.integer("context_length", max_context);
  h.embedding_length = keys.integer("embedding_length", max_matrix_width);
  h.block_count = keys.integer("block_count", max_layers);
  h.feed_forward_length = keys.integer("feed_forward_length", max_matrix_width);
  h.head_count = keys.integer("attention.head_count", max_heads);
  h.head_count_kv = keys.integer_or(h.head_count, "attention.head_count_kv", max_heads);
  h.head_dimension = head_dimension(h, keys);
  h.rope_dimension = keys.integer_or(h.head_dimension, "rope.dimension_count", max_head_dimension);
  h.rope_base = keys.positive_or(10000, "rope.freq_base", 1, 1e12);
  h.rms_epsilon = keys.positive("attention.layer_norm_rms_epsilon", 1e-12, 1e-1);
  h.rope_style = architecture->rope_style;
  h.sub_norms = architecture->sub_norms;
  h.activation = architecture->activation;
  h.tied_head = !file.find_tensor("output.weight");
  if (const auto fault = find_head_fault(h)) keys.complain(*fault);
  refuse_rope_scaling(file, keys);
  if (keys.error()) return *keys.error();
  if (architecture->refine) TERN_TRY(architecture->refine(file, h));
  return h;
}

}  // namespace tern::runtime
