#include "runtime/source/hf_rope.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "runtime/gguf/gguf.h"

namespace tern::runtime {
namespace {

constexpr double max_base = 1e12, max_factor = 1e6;
constexpr uint32_t max_context = 1u << 24;

// Llama 3.1's scaling: transformers' _compute_llama3_parameters. Of a pair with the wavelength w, in
// positions, the angle stays where w < original/high, is divided by `factor` where w > original/low, and
// changes smoothly between.
std::vector<float> llama3_divisors(ConfigReader& scaling, double base, uint32_t dimension) {
  const double factor = scaling.number("factor", 1, max_factor),
               low = scaling.number("low_freq_factor", 1e-3, max_factor),
               high = scaling.number("high_freq_factor", 1e-3, max_factor),
               original = scaling.integer("original_max_position_embeddings", 1, max_context);
  if (!(high > low)) scaling.complain("high_freq_factor", "is not above low_freq_factor");
  std::vector<float> divisors;
  for (uint32_t i = 0; i < dimension / 2; ++i) {
    const double wavelength = 2 * std::numbers::pi * std::pow(base, 2.0 * i / dimension);
    double divisor = 1;
    if (wavelength > original / low) {
      divisor = factor;
    } else if (wavelength >= original / high) {
      const double smooth = (original / wavelength - low) / (high - low);
      divisor = 1 / ((1 - smooth) / factor + smooth);
    }
    divisors.push_back(static_cast<float>(divisor));
  }
  return divisors;
}

// transformers' `attention_factor` is what cosines and sines are multiplied by, in place of 1 + 0.1
// ln(factor); GGUF's `attn_factor` multiplies that.
void read_yarn(ConfigReader& scaling, HfRope& rope, uint32_t context) {
  const double factor = scaling.number("factor", 1, max_factor);
  rope.keys.emplace_back("rope.scaling.type", std::string("yarn"));
  rope.keys.emplace_back("rope.scaling.factor", static_cast<float>(factor));
  rope.keys.emplace_back("rope.scaling.original_context_length",
                         scaling.integer_or(context, "original_max_position_embeddings", 1, max_context));
  if (scaling.has("attention_factor")) {
    const double stated = scaling.number("attention_factor", 1e-3, 1e3);
    rope.keys.emplace_back("rope.scaling.attn_factor",
                           static_cast<float>(stated / (1 + 0.1 * std::log(factor))));
  }
  // GGUF files have these only where they are not as YaRN's authors chose them.
  const double fast = scaling.number_or(32, "beta_fast", 1e-3, max_factor),
               slow = scaling.number_or(1, "beta_slow", 1e-3, max_factor);
  if (fast != 32) rope.keys.emplace_back("rope.scaling.yarn_beta_fast", static_cast<float>(fast));
  if (slow != 1) rope.keys.emplace_back("rope.scaling.yarn_beta_slow", static_cast<float>(slow));
  if (!scaling.boolean_or(true, "truncate")) scaling.complain("truncate", "is false, which is not supported");
}

// HunYuan's "dynamic" scaling is a larger base and nothing else, as long as its other numbers are 1.
void read_alpha(ConfigReader& scaling, HfRope& rope, uint32_t dimension) {
  const double alpha = scaling.number("alpha", 1, 1e9), d = dimension;
  rope.base = static_cast<float>(rope.base * std::pow(alpha, d / (d - 2)));
  for (const char* key : {"factor", "mscale", "mscale_all_dim"}) {
    if (scaling.number_or(1, key, 0, max_factor) != 1) scaling.complain(key, "is not 1");
  }
  scaling.ignore("beta_fast");
  scaling.ignore("beta_slow");
}

void read_scaling(ConfigReader& scaling, HfRope& rope, const HfFamily& family, uint32_t dimension,
                  uint32_t context) {
  std::string type = scaling.text_or("default", "type");
  type = scaling.text_or(type, "rope_type");
  rope.base = static_cast<float>(scaling.number_or(rope.base, "rope_theta", 1, max_base));
  if (type == "default") {
    scaling.ignore("factor");
  } else if (type == "linear") {
    rope.keys.emplace_back("rope.scaling.type", std::string("linear"));
    rope.keys.emplace_back("rope.scaling.factor",
                           static_cast<float>(scaling.number("factor", 1, max_factor)));
  } else if (type == "llama3") {
    rope.divisors = llama3_divisors(scaling, rope.base, dimension);
  } else if (type == "yarn") {
    read_yarn(scaling, rope, context);
  } else if (type == "dynamic" && family.architecture == "hunyuan-dense" && scaling.has("alpha")) {
    read_alpha(scaling, rope, dimension);
  } else {
    scaling.complain("rope_type", fmt::format("is {}, which is not supported", quote(type)));
  }
  scaling.refuse_unread();
}

}  // namespace

HfRope read_hf_rope(ConfigReader& config, const HfFamily& family, uint32_t dimension, uint32_t context,
                    const std::string& file) {
  HfRope rope;
  rope.base = static_cast<float>(config.number_or(family.rope_base, "rope_theta", 1, max_base));
  const nlohmann::json *scaling = config.value("rope_scaling"), *parameters = config.value("rope_parameters");
  if (scaling && parameters && *scaling != *parameters) {
    config.complain("rope_scaling", "and rope_parameters are both there, and differ");
    return rope;
  }
  if (!scaling) scaling = parameters;
  if (!scaling || config.error()) return rope;
  // Gemma's layers of two kinds have a record each; that of the local ones is checked by the caller.
  if (scaling->is_object() && scaling->contains("full_attention")) scaling = &(*scaling)["full_attention"];
  ConfigReader reader(*scaling, file, "rope_scaling.");
  read_scaling(reader, rope, family, dimension, context);
  config.note(reader.error());
  return rope;
}

}  // namespace tern::runtime
