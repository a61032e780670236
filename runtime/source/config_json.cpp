#include "runtime/source/config_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/gguf/gguf.h"
#include "runtime/source/config_reader.h"
#include "runtime/source/hf_rope.h"
#include "runtime/text/strict_json.h"

namespace tern::runtime {
namespace {

using nlohmann::json;

constexpr size_t max_depth = 16;
constexpr uint32_t largest = 1u << 24;  // of a count; what reads the metadata has limits of its own
constexpr uint32_t max_layers = 1024;

// Keys that change nothing in what an evaluated model computes.
constexpr std::string_view harmless[] = {
    "_name_or_path",
    "_attn_implementation",
    "attn_implementation",
    "attention_dropout",
    "auto_map",
    "bos_token_id",
    "cache_implementation",
    "dtype",
    "eos_token_id",
    "hidden_dropout",
    "initializer_range",
    "is_decoder",
    "output_router_logits",
    "pad_token_id",
    "pretraining_tp",
    "residual_dropout",
    "return_dict",
    "router_aux_loss_coef",
    "sep_token_id",
    "tokenizer_class",
    "torch_dtype",
    "transformers_version",
    "unk_token_id",
    "use_cache",
    "decoder_start_token_id",
    "eod_token_id",
    "pad_id",
    "im_start_id",
    "im_end_id",
    "text_start_id",
    "text_end_id",
    "classifier_dropout",
    "id2label",
    "label2id",
    "embd_pdrop",
    "resid_pdrop",
    "attn_pdrop",
    "norm_type",
    "mup_denominator",
};

// Reads one config.json.
class Reading {
 public:
  Reading(const json& object, const std::string& file) : file_(file), keys_(object, file, "") {}

  Expected<HfConfig> run() {
    find_family();
    if (keys_.error()) return *keys_.error();
    read_shape();
    read_activation();
    read_quantization();
    if (result_.family->architecture == "qwen3moe") read_experts();
    if (result_.family->architecture == "gemma3") read_gemma();
    if (result_.family->architecture == "minicpm") read_minicpm();
    read_windows();
    for (const std::string_view key : harmless) keys_.ignore(key);
    keys_.refuse_unread();
    if (keys_.error()) return *keys_.error();
    return std::move(result_);
  }

 private:
  void add(std::string_view key, GgufValue value) {
    result_.metadata.emplace_back(fmt::format("{}.{}", result_.family->architecture, key), std::move(value));
  }
  // A number that the family's graph has built in.
  void require(std::string_view key, double value) {
    if (keys_.number_or(value, key, -1e30, 1e30) != value)
      keys_.complain(key, fmt::format("is not {}, which is not supported", value));
  }

  void find_family();
  void read_shape();
  void read_activation();
  void read_quantization();
  void read_experts();
  void read_gemma();
  void read_minicpm();
  void read_windows();

  std::string file_;
  ConfigReader keys_;
  HfConfig result_;
  uint32_t hidden_ = 0;
};

void Reading::find_family() {
  const std::string model_class = keys_.first_text("architectures"), type = keys_.first_text("model_type");
  result_.family = find_hf_family(model_class, type);
  if (!result_.family && !keys_.error()) {
    keys_.complain(fmt::format("describes a model of class {}; supported are {}",
                               quote(model_class.empty() ? type : model_class),
                               fmt::join(hf_classes(), ", ")));
  }
}

void Reading::read_shape() {
  const HfFamily& family = *result_.family;
  result_.vocabulary_size = keys_.integer("vocab_size", 1, largest);
  const uint32_t context = keys_.integer("max_position_embeddings", 1, largest);
  hidden_ = keys_.integer("hidden_size", 1, largest);
  result_.layers = keys_.integer("num_hidden_layers", 1, max_layers);
  const uint32_t feed_forward = keys_.integer("intermediate_size", 1, largest),
                 heads = keys_.integer("num_attention_heads", 1, largest),
                 key_value_heads = keys_.integer_or(heads, "num_key_value_heads", 1, largest);
  const bool states_dimension = keys_.has("head_dim") || family.head_dimension != 0;
  if (!states_dimension && hidden_ % heads != 0)
    keys_.complain("num_attention_heads", fmt::format("does not divide the width of {}", hidden_));
  const uint32_t dimension =
      keys_.integer_or(family.head_dimension != 0 ? family.head_dimension : std::max(1u, hidden_ / heads),
                       "head_dim", 2, largest);
  if (dimension % 2 != 0) keys_.complain("head_dim", "is odd");
  if (keys_.error()) return;  // what follows divides by these
  result_.head_dimension = dimension;
  const double part = keys_.number_or(1, "partial_rotary_factor", 0, 1);
  const auto turned = static_cast<uint32_t>(part * dimension);
  const HfRope rope = read_hf_rope(keys_, family, turned, context, file_);
  result_.rope_divisors = rope.divisors;
  result_.tied_head = keys_.boolean_or(family.tied_head, "tie_word_embeddings");

  add("vocab_size", result_.vocabulary_size);
  add("context_length", context);
  add("embedding_length", hidden_);
  add("block_count", result_.layers);
  add("feed_forward_length", feed_forward);
  add("rope.dimension_count", turned);
  add("attention.head_count", heads);
  add("attention.head_count_kv", key_value_heads);
  if (states_dimension) {
    add("attention.key_length", dimension);
    add("attention.value_length", dimension);
  }
  add("attention.layer_norm_rms_epsilon", static_cast<float>(keys_.number("rms_norm_eps", 1e-12, 0.1)));
  add("rope.freq_base", rope.base);
  for (const auto& [key, value] : rope.keys) add(key, value);
}

// The key `hidden_activation` is what bitnet.cpp is to write for models whose architecture's name does not
// tell (microsoft/BitNet, pull request 605).
void Reading::read_activation() {
  std::string activation = keys_.text_or("", "hidden_act");
  activation = keys_.text_or(activation, "hidden_activation");
  if (activation == "gelu_new") activation = "gelu_pytorch_tanh";  // the same formula
  const std::string_view own = result_.family->activation;
  if (own.empty()) {
    if (activation != "relu2" && activation != "silu")
      return keys_.complain("hidden_act",
                            fmt::format("is {}; it must be 'relu2' or 'silu'", quote(activation)));
    add("hidden_activation", activation);
  } else if (!activation.empty() && activation != own) {
    keys_.complain("hidden_act",
                   fmt::format("is {}, where this family has {}", quote(activation), quote(own)));
  }
}

void Reading::read_quantization() {
  const json* object = keys_.value("quantization_config");
  const bool one_bit = keys_.has("weight_bits");
  if (one_bit) {
    require("weight_bits", 1);
    require("input_bits", 8);
  }
  keys_.ignore("input_bits");
  result_.masters = one_bit || result_.family->architecture == "bitnet";
  if (!object) return;
  ConfigReader quantization(*object, file_, "quantization_config.");
  const std::string method = quantization.text_or("", "quant_method");
  if (method != "bitnet")
    quantization.complain("quant_method", fmt::format("is {}, not 'bitnet'", quote(method)));
  const std::string linear = quantization.text_or("bitlinear", "linear_class"),
                    mode = quantization.text_or("offline", "quantization_mode");
  if (linear != "bitlinear" && linear != "autobitlinear")
    quantization.complain("linear_class", fmt::format("is {}, which is not known", quote(linear)));
  if (mode != "offline" && mode != "online")
    quantization.complain("quantization_mode", fmt::format("is {}, which is not known", quote(mode)));
  const bool automatic = linear == "autobitlinear";
  result_.masters = result_.masters || (automatic && mode == "online");
  if (automatic) result_.packed = ScaleRule::multiply;
  if (automatic && mode == "online") result_.packed.reset();
  quantization.ignore("rms_norm_eps");  // of the norms that use_rms_norm, refused, would add
  if (const json* parts = quantization.value("modules_to_not_convert")) {
    if (!parts->is_array()) quantization.complain("modules_to_not_convert", "is no list");
    for (const json& part : *parts) {
      if (part.is_string())
        result_.unconverted.push_back(part.get<std::string>());
      else
        quantization.complain("modules_to_not_convert", "holds what is no text");
    }
  }
  quantization.refuse_unread();
  keys_.note(quantization.error());
}

void Reading::read_experts() {
  result_.experts = keys_.integer("num_experts", 1, largest);
  add("expert_count", result_.experts);
  add("expert_used_count", keys_.integer("num_experts_per_tok", 1, largest));
  add("expert_feed_forward_length", keys_.integer("moe_intermediate_size", 1, largest));
  if (!keys_.boolean_or(false, "norm_topk_prob"))
    keys_.complain("norm_topk_prob", "is not true, which is not supported");
  require("decoder_sparse_step", 1);
  const json* dense = keys_.value("mlp_only_layers");
  if (dense && (!dense->is_array() || !dense->empty()))
    keys_.complain("mlp_only_layers", "is not empty, which is not supported");
}

void Reading::read_gemma() {
  if (keys_.number_or(result_.head_dimension, "query_pre_attn_scalar", 1, largest) != result_.head_dimension)
    keys_.complain("query_pre_attn_scalar", "is not the head's dimension, which is not supported");
  const json* kinds = keys_.value("layer_types");
  const bool all_global = kinds && kinds->is_array() && std::ranges::all_of(*kinds, [](const json& kind) {
                            return kind == "full_attention";
                          });
  require("sliding_window_pattern", 6);
  require("_sliding_window_pattern", 6);
  const auto base = static_cast<float>(keys_.number_or(10000, "rope_local_base_freq", 1, 1e12));
  const uint32_t window = keys_.integer_or(0, "sliding_window", 0, largest);
  if (all_global || window == 0) return;
  if (kinds && kinds->is_array()) {
    for (size_t layer = 0; layer < kinds->size(); ++layer) {
      if ((*kinds)[layer] != (layer % 6 == 5 ? "full_attention" : "sliding_attention"))
        return keys_.complain("layer_types", "is not five local layers and a global one in turn");
    }
  }
  add("attention.sliding_window", window);
  add("rope.freq_base_swa", base);
}

// llama.cpp's conversion/minicpm.py.
void Reading::read_minicpm() {
  const double depth = keys_.number("scale_depth", 1e-6, 1e6), base = keys_.number("dim_model_base", 1, 1e6);
  add("embedding_scale", static_cast<float>(keys_.number("scale_emb", 1e-6, 1e6)));
  add("residual_scale", static_cast<float>(depth / std::sqrt(static_cast<double>(result_.layers))));
  add("logit_scale", static_cast<float>(hidden_ / base));
}

// Windows of attention that are switched off.
void Reading::read_windows() {
  if (result_.family->architecture == "gemma3" || keys_.boolean_or(false, "use_sliding_window")) {
    if (result_.family->architecture != "gemma3")
      keys_.complain("use_sliding_window", "is true, which is not supported");
    return;
  }
  keys_.ignore("max_window_layers");
  if (result_.family->architecture.starts_with("qwen3")) keys_.ignore("sliding_window");
  if (const json* kinds = keys_.value("layer_types")) {
    if (!kinds->is_array() ||
        !std::ranges::all_of(*kinds, [](const json& kind) { return kind == "full_attention"; }))
      keys_.complain("layer_types", "holds other layers than 'full_attention', which are not supported");
  }
}

}  // namespace

Expected<HfConfig> read_config_json(std::string_view text, const std::string& file) {
  TERN_ASSIGN(const json object, parse_json(text, file, {.depth = max_depth}));
  return Reading(object, file).run();
}

}  // namespace tern::runtime
