#include "runtime/model/architecture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <vector>

#include "runtime/gguf/keys.h"
#include "runtime/graph/families.h"
#include "runtime/graph/rotation.h"
#include "runtime/model/known_keys.h"

namespace tern::runtime {
namespace {

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

// The function of the gate, where a file names it.
void read_activation(Keys& keys, Hyperparameters& h) {
  const std::string_view name = keys.text("hidden_activation");
  if (name.empty()) return;
  if (name == "relu2" || name == "relu_squared")
    h.activation = Activation::squared_relu;
  else if (name == "silu" || name == "swish")
    h.activation = Activation::silu;
  else if (name == "gelu" || name == "gelu_pytorch_tanh" || name == "gelu_new")
    h.activation = Activation::gelu;
  else
    keys.complain(
        fmt::format("the activation {} is not supported; it must be relu2, silu or gelu", quote(name)));
}

// Without a type, scaling is linear. LongRoPE has divisors for contexts up to that of training and others for
// longer ones, with which no shorter text comes out as it should: the model's context ends where training
// did.
void read_rope_scaling(Keys& keys, Hyperparameters& h) {
  const GgufFile& file = keys.file();
  RopeScaling& scaling = h.rope_scaling;
  if (file.find_tensor("rope_freqs.weight")) scaling.divisors = WeightRole::rope_divisors;
  const std::string_view type = keys.text("rope.scaling.type");
  if (type == "none") return;
  const bool old_key = keys.has("rope.scale_linear");
  const float factor = keys.number_or(1, old_key ? "rope.scale_linear" : "rope.scaling.factor", 1e-3, 1e6);
  scaling.magnitude = keys.number_or(1, "rope.scaling.attn_factor", 1e-3, 1e3);
  const auto original = [&] { return keys.integer("rope.scaling.original_context_length", max_context); };
  if (type.empty() || type == "linear") {
    scaling.divisor = factor;
  } else if (type == "yarn") {
    scaling.divisor = factor;
    scaling.context = original();
  } else if (type == "longrope") {
    if (file.find_tensor("rope_factors_short.weight")) scaling.divisors = WeightRole::rope_divisors_short;
    h.context_length = std::min(h.context_length, original());
  } else {
    keys.complain(fmt::format("RoPE scaling of type {} is not supported", quote(type)));
  }
}

void read_pooling(const GgufFile& file, Keys& keys, Hyperparameters& h) {
  if (!keys.has("pooling_type")) return;
  const auto type = get_integer(file, keys.full("pooling_type"), 0, 4);
  if (!type) return keys.note(type.error());
  switch (*type) {
    case 0: return;
    case 1: h.pooling = Pooling::mean; return;
    case 3: h.pooling = Pooling::last; return;
  }
  keys.complain(
      fmt::format("pooling of type {} is not supported: it must be the mean or the last token", *type));
}

void refuse_encoders(const GgufFile& file, Keys& keys) {
  if (!keys.has("attention.causal")) return;
  const auto causal = get_boolean(file, keys.full("attention.causal"));
  if (!causal) return keys.note(causal.error());
  if (!*causal) keys.complain("attention that sees later tokens is not supported");
}

Error unknown_architecture(const GgufFile& file, std::string_view name) {
  return Error{fmt::format("has the architecture {}; supported are {}", quote(name),
                           fmt::join(architecture_names(), ", ")),
               {file.path()}};
}

}  // namespace

std::string_view name_of(Activation activation) {
  switch (activation) {
    case Activation::squared_relu: return "squared ReLU";
    case Activation::silu: return "SiLU";
    case Activation::gelu: return "GELU";
    case Activation::sigmoid: return "sigmoid";
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
  const Family* family = find_family(name);
  if (!family) return unknown_architecture(file, name);

  Keys keys(file, name);
  Hyperparameters h;
  h.architecture = name;
  family->set_defaults(h);
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
  h.rope_base = keys.number_or(10000, "rope.freq_base", 1, 1e12);
  h.rms_epsilon = keys.number("attention.layer_norm_rms_epsilon", 1e-12, 1e-1);
  h.tied_head = !file.find_tensor("output.weight");
  if (const auto fault = find_head_fault(h)) keys.complain(*fault);
  read_rope_scaling(keys, h);
  refuse_encoders(file, keys);
  read_pooling(file, keys, h);
  if (keys.error()) return *keys.error();
  if (family->read) family->read(keys, h);
  read_activation(keys, h);
  if (keys.error()) return *keys.error();
  TERN_TRY(check_keys(file, name, *family));
  if (family->may_rotate) TERN_TRY(read_rotation(file, h));
  return h;
}

}  // namespace tern::runtime
