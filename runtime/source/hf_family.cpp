#include "runtime/source/hf_family.h"

#include <fmt/format.h>

#include <charconv>

namespace tern::runtime {
namespace {

// transformers' configuration_*.py has the defaults, llama.cpp's conversion/ the rest.
constexpr HfFamily families[] = {
    {"BitNetForCausalLM", "bitnet", "bitnet-b1.58", "", 500000, 0, false},  // 2B4T
    {"BitnetForCausalLM", "", "bitnet", "", 10000, 0, false},  // 1bitLLM; its model_type is llama
    {"LlamaForCausalLM", "llama", "llama", "silu", 10000, 0, false, true},
    {"Qwen3ForCausalLM", "qwen3", "qwen3", "silu", 10000, 128, false},
    {"Qwen3Model", "", "qwen3", "silu", 10000, 128, true},
    {"Qwen3MoeForCausalLM", "qwen3_moe", "qwen3moe", "silu", 10000, 0, false, false, false, false, true},
    {"Gemma3ForCausalLM", "gemma3_text", "gemma3", "gelu_pytorch_tanh", 1e6f, 256, true, false, true, true},
    {"Gemma3TextModel", "", "gemma3", "gelu_pytorch_tanh", 1e6f, 256, true, false, true, true},
    {"MiniCPMForCausalLM", "minicpm", "minicpm", "silu", 10000, 0, true, true},
    {"HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense", "hunyuan-dense", "silu", 10000, 0, true},
};

constexpr uint32_t max_experts = 4096;

struct NameRow {
  std::string_view hf, gguf;
  HfRole role;
};

constexpr NameRow names_outside[] = {
    {"embed_tokens.weight", "token_embd.weight", HfRole::table},
    {"norm.weight", "output_norm.weight", HfRole::norm},
    {"lm_head.weight", "output.weight", HfRole::table},
};

// Within a layer, without ".weight".
constexpr NameRow norms[] = {
    {"input_layernorm", "attn_norm", HfRole::norm},
    {"self_attn.attn_sub_norm", "attn_sub_norm", HfRole::norm},  // BitNetForCausalLM
    {"self_attn.inner_attn_ln", "attn_sub_norm", HfRole::norm},  // 1bitLLM
    {"mlp.ffn_sub_norm", "ffn_sub_norm", HfRole::norm},
    {"mlp.ffn_layernorm", "ffn_sub_norm", HfRole::norm},
    {"self_attn.q_norm", "attn_q_norm", HfRole::norm},
    {"self_attn.k_norm", "attn_k_norm", HfRole::norm},
    {"self_attn.query_layernorm", "attn_q_norm", HfRole::norm},  // HunYuan
    {"self_attn.key_layernorm", "attn_k_norm", HfRole::norm},
    {"pre_feedforward_layernorm", "ffn_norm", HfRole::norm},
    {"post_feedforward_layernorm", "post_ffw_norm", HfRole::norm},
};
constexpr NameRow projections[] = {
    {"self_attn.q_proj", "attn_q", HfRole::matrix}, {"self_attn.k_proj", "attn_k", HfRole::matrix},
    {"self_attn.v_proj", "attn_v", HfRole::matrix}, {"self_attn.o_proj", "attn_output", HfRole::matrix},
    {"mlp.gate_proj", "ffn_gate", HfRole::matrix},  {"mlp.up_proj", "ffn_up", HfRole::matrix},
    {"mlp.down_proj", "ffn_down", HfRole::matrix},
};

// Of expert number N, within "mlp.experts.N.".
constexpr NameRow expert_projections[] = {
    {"gate_proj", "ffn_gate_exps", HfRole::matrix},
    {"up_proj", "ffn_up_exps", HfRole::matrix},
    {"down_proj", "ffn_down_exps", HfRole::matrix},
};

template <size_t count>
const NameRow* find_row(const NameRow (&rows)[count], std::string_view name) {
  for (const NameRow& row : rows) {
    if (row.hf == name) return &row;
  }
  return nullptr;
}

// Takes "N." off the front of `text`, N below `limit` and as printed: 07 would be a second name of 7.
std::optional<uint32_t> take_number(std::string_view& text, uint32_t limit) {
  uint32_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto digits = static_cast<size_t>(end - text.data());
  if (problem != std::errc() || number >= limit || digits >= text.size() || text[digits] != '.')
    return std::nullopt;
  if (digits > 1 && text[0] == '0') return std::nullopt;
  text.remove_prefix(digits + 1);
  return number;
}

// The tensor of a layer by its name behind "layers.N.".
std::optional<HfTensorName> layer_tensor(const HfFamily& family, std::string_view name, uint32_t layer) {
  constexpr std::string_view weight = ".weight", input_norm = ".norm";
  const auto make = [&](std::string_view gguf, HfRole role) {
    return HfTensorName{.name = fmt::format("blk.{}.{}.weight", layer, gguf), .role = role};
  };
  if (!name.ends_with(weight)) return std::nullopt;
  name.remove_suffix(weight.size());
  if (name == "post_attention_layernorm")
    return make(family.post_norms ? "post_attention_norm" : "ffn_norm", HfRole::norm);
  if (const NameRow* row = find_row(norms, name)) return make(row->gguf, row->role);
  if (const NameRow* row = find_row(projections, name)) {
    HfTensorName found = make(row->gguf, row->role);
    found.is_query = row->gguf == "attn_q";
    found.is_key = row->gguf == "attn_k";
    return found;
  }
  constexpr std::string_view experts = "mlp.experts.", router = "mlp.gate";
  if (family.has_experts && name == router) return make("ffn_gate_inp", HfRole::router);
  if (family.has_experts && name.starts_with(experts)) {
    name.remove_prefix(experts.size());
    const auto expert = take_number(name, max_experts);
    const NameRow* row = expert ? find_row(expert_projections, name) : nullptr;
    if (!row) return std::nullopt;
    HfTensorName found = make(row->gguf, row->role);
    found.expert = expert;
    return found;
  }
  if (!name.ends_with(input_norm)) return std::nullopt;
  name.remove_suffix(input_norm.size());
  if (const NameRow* row = find_row(projections, name)) {
    HfTensorName found = make(fmt::format("{}_norm_in", row->gguf), HfRole::norm);
    found.is_input_norm = true;
    return found;
  }
  return std::nullopt;
}

}  // namespace

const HfFamily* find_hf_family(std::string_view model_class, std::string_view model_type) {
  for (const HfFamily& family : families) {
    if (family.model_class == model_class) return &family;
  }
  if (!model_class.empty() || model_type.empty()) return nullptr;
  for (const HfFamily& family : families) {
    if (family.model_type == model_type) return &family;
  }
  return nullptr;
}

std::vector<std::string_view> hf_classes() {
  std::vector<std::string_view> classes;
  for (const HfFamily& family : families) classes.push_back(family.model_class);
  return classes;
}

std::optional<HfTensorName> gguf_tensor_name(const HfFamily& family, std::string_view name, uint32_t layers) {
  constexpr std::string_view prefix = "model.", of_layer = "layers.";
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  if (const NameRow* row = find_row(names_outside, name))
    return HfTensorName{.name = std::string(row->gguf), .role = row->role};
  if (!name.starts_with(of_layer)) return std::nullopt;
  name.remove_prefix(of_layer.size());
  const auto layer = take_number(name, layers);
  if (!layer) return std::nullopt;
  return layer_tensor(family, name, *layer);
}

const HfFamily* find_hf_family_of(std::string_view architecture) {
  for (const HfFamily& family : families) {
    if (family.architecture == architecture) return &family;
  }
  return nullptr;
}

std::optional<std::string> hf_tensor_name(const HfFamily& family, std::string_view gguf_name) {
  if (gguf_name == "output.weight") return "lm_head.weight";
  for (const NameRow& row : names_outside) {
    if (row.gguf == gguf_name) return fmt::format("model.{}", row.hf);
  }
  constexpr std::string_view block = "blk.";
  if (!gguf_name.starts_with(block)) return std::nullopt;
  const std::string_view number =
      gguf_name.substr(block.size(), gguf_name.find('.', block.size()) - block.size());
  // Every name within a layer is tried in the other direction: the tables are short.
  const auto attempt = [&](std::string_view within) -> std::optional<std::string> {
    std::string name = fmt::format("model.layers.{}.{}.weight", number, within);
    const auto back = gguf_tensor_name(family, name, UINT32_MAX);
    if (back && back->name == gguf_name) return name;
    return std::nullopt;
  };
  if (auto found = attempt("post_attention_layernorm")) return found;
  // A family of other norms than BitNet's never asks for these; of two names the first is 2B4T's.
  const bool is_one_bit_llm = family.model_class == "BitnetForCausalLM";
  for (const NameRow& row : norms) {
    const bool is_other =
        row.hf == (is_one_bit_llm ? "self_attn.attn_sub_norm" : "self_attn.inner_attn_ln") ||
        row.hf == (is_one_bit_llm ? "mlp.ffn_sub_norm" : "mlp.ffn_layernorm") ||
        row.hf.ends_with(family.architecture == "hunyuan-dense" ? "k_norm" : "y_layernorm") ||
        (family.architecture == "hunyuan-dense" && row.hf.ends_with("q_norm"));
    if (is_other) continue;
    if (auto found = attempt(row.hf)) return found;
  }
  for (const NameRow& row : projections) {
    if (auto found = attempt(row.hf)) return found;
    if (auto found = attempt(fmt::format("{}.norm", row.hf))) return found;
  }
  return std::nullopt;
}

bool is_redundant_hf_tensor(std::string_view name) {
  return name.ends_with(".rotary_emb.inv_freq");
}

std::string scale_name(std::string_view weight_name) {
  return std::string(weight_name) + "_scale";
}

}  // namespace tern::runtime
