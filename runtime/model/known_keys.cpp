#include "runtime/model/known_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/graph/rotation.h"

namespace tern::runtime {
namespace {

// Read by read_hyperparameters for every family.
constexpr std::string_view shared[] = {
    "vocab_size",
    "context_length",
    "embedding_length",
    "block_count",
    "feed_forward_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_rms_epsilon",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.attn_factor",
    "hidden_activation",
    "pooling_type",
    // These change no number of what is computed here.
    "rope.scaling.finetuned",
    "tensor_data_layout",
    "attention.causal",
};

}  // namespace

Status check_keys(const GgufFile& file, std::string_view architecture, const Family& family) {
  const std::string prefix = fmt::format("{}.", architecture);
  for (const Metadatum& each : file.metadata) {
    const bool turns =
        family.may_rotate && std::ranges::find(rotation_keys(), each.key) != rotation_keys().end();
    if (each.key.starts_with("prism.") && !turns)
      return Error{
          fmt::format("key {} changes what the model computes, and is not supported", quote(each.key)),
          {file.path()}};
    if (!each.key.starts_with(prefix)) continue;
    const std::string_view name = each.key.substr(prefix.size());
    if (std::ranges::find(shared, name) == std::end(shared) &&
        std::ranges::find(family.keys, name) == family.keys.end())
      return Error{fmt::format("key {} is not known: it may change what the model computes", quote(each.key)),
                   {file.path()}};
  }
  return {};
}

}  // namespace tern::runtime
