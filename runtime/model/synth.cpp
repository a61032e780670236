#include "runtime/model/synth.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "base/counter_random.h"
#include "ir/half.h"
#include "runtime/gguf/gguf_write.h"
#include "runtime/graph/families.h"
#include "runtime/graph/weight_uses.h"
#include "runtime/model/architecture.h"
#include "runtime/model/synth_vocabulary.h"
#include "runtime/tensor/binarize.h"
#include "runtime/tensor/i2_s.h"
#include "runtime/tensor/tensor_rows.h"

namespace tern::runtime {
namespace {

constexpr SynthShape shapes[] = {
    {"2b4t", "bitnet-b1.58", 2560, 30, 20, 5, 128, 6912, 128256, 4096, 500000},
    {"large", "bitnet", 1536, 24, 16, 16, 96, 4096, 32002, 2048, 10000},
    {"3b", "bitnet", 3200, 26, 32, 32, 100, 8640, 32002, 2048, 10000},
    {"tiny", "bitnet-b1.58", 256, 2, 4, 2, 64, 512, 1024, 512, 10000},
    {"llama3-8b", "llama", 4096, 32, 32, 8, 128, 14336, 128256, 8192, 500000, 1e-5f, true},
    {"falcon3-1b", "llama", 2048, 18, 8, 4, 256, 8192, 131072, 8192, 1000042, 1e-6f, true},
    {"falcon3-3b", "llama", 3072, 22, 12, 4, 256, 9216, 131072, 32768, 1000042, 1e-6f, true},
    {"falcon3-7b", "llama", 3072, 28, 12, 4, 256, 23040, 131072, 32768, 1000042, 1e-6f, true},
    {"falcon3-10b", "llama", 3072, 40, 12, 4, 256, 23040, 131072, 32768, 1000042, 1e-6f, true},
    {"tiny-llama", "llama", 256, 2, 4, 2, 64, 512, 1024, 512, 10000, 1e-5f, true},
    {"qwen3-0.6b", "qwen3", 1024, 28, 16, 8, 128, 3072, 151936, 40960, 1e6f, 1e-6f},
    {"qwen3-1.7b", "qwen3", 2048, 28, 16, 8, 128, 6144, 151936, 40960, 1e6f, 1e-6f},
    {"qwen3-4b", "qwen3", 2560, 36, 32, 8, 128, 9728, 151936, 40960, 1e6f, 1e-6f},
    {"qwen3-8b", "qwen3", 4096, 36, 32, 8, 128, 12288, 151936, 40960, 1e6f, 1e-6f, true},
    {"tiny-qwen3", "qwen3", 256, 2, 4, 2, 128, 512, 1024, 512, 1e6f, 1e-6f},
    {"qwen3-30b-a3b", "qwen3moe", 2048, 48, 32, 4, 128, 6144, 151936, 40960, 1e6f, 1e-6f, true, 128, 8, 768},
    {"tiny-qwen3moe", "qwen3moe", 256, 2, 4, 2, 128, 512, 1024, 512, 1e6f, 1e-6f, false, 16, 4, 128},
    {"maple-20b", "maple", 2048, 24, 16, 4, 128, 5120, 151936, 131072, 10000, 1e-6f, true, 256, 8, 512, 512},
    {"tiny-maple", "maple", 256, 4, 4, 2, 64, 512, 1024, 512, 10000, 1e-6f, true, 8, 2, 256, 100},
    {"qwen35-27b", "qwen35", 5120, 64, 24, 4, 256, 17408, 248320, 262144,
     1e7f,         1e-6f,    true, 0,  0,  0, 0,   48,    16,     128},
    {"bonsai-27b", "qwen35", 5120, 64, 24, 4, 256, 17408, 248320, 262144, 1e7f,
     1e-6f,        true,     0,    0,  0,  0, 48,  16,    128,    true},
    {"bonsai-2-27b", "qwen35", 5120, 64, 24, 4, 256, 17408, 248320, 262144, 1e7f,
     1e-6f,          true,     0,    0,  0,  0, 48,  16,    128,    false,  1024},
    {"tiny-qwen35", "qwen35", 256, 4, 4, 2, 64, 512, 1024, 512, 1e7f, 1e-6f, true, 0, 0, 0, 0, 6, 2, 64},
    {"tiny-bonsai-2", "qwen35", 256, 4, 4, 2, 64, 512, 1024, 512,   1e7f,
     1e-6f,           true,     0,   0, 0, 0, 6,  2,   64,   false, 128},
    {"tiny-hunyuan", "hunyuan-dense", 256, 2, 4, 2, 64, 512, 1024, 512, 10000},
    {"tiny-minicpm", "minicpm", 256, 2, 4, 2, 64, 512, 1024, 512, 10000},
    {"tiny-binary", "bitnet-b1", 256, 2, 4, 2, 64, 512, 1024, 512, 10000},
    {"binary-1.3b", "bitnet-b1", 2048, 24, 32, 32, 64, 8192, 32000, 2048, 10000},
    {"tiny-gemma3", "gemma3", 256, 2, 4, 2, 64, 512, 1024, 512, 10000, 1e-6f},
};

constexpr uint32_t delta_window = 4;
constexpr size_t piece_bytes = size_t{1} << 20;  // data are made and written in pieces of about this size

// Weights are -1, 0, +1 with probabilities 1/4, 1/2, 1/4. Of 64 random bits, the lower of each pair says
// whether a weight is not 0, the upper gives its sign.
uint64_t random_codes(uint64_t bits) {
  constexpr uint64_t low_bits = 0x5555555555555555u;
  const uint64_t nonzero = bits & low_bits, positive = bits >> 1 & low_bits;
  return (nonzero & positive) << 1 | (~nonzero & low_bits);
}

struct PlannedTensor {
  GgufTensorHeader header;
  // Matrix of a layer: its scale, or about that of its blocks. Embedding: the largest magnitude. Norm: how
  // far an element may be from the center.
  float size;
  bool is_of_layer = false;  // a matrix of a layer: whole numbers
  bool has_one_scale = true;
  float center = 0;        // of values that are neither
  bool is_binary = false;  // these are signs, made as the training of binary models makes them
};

bool is_binary(const SynthShape& shape) {
  return shape.architecture == "bitnet-b1";
}

Hyperparameters hyperparameters_of(const SynthShape& s) {
  Hyperparameters h;
  h.architecture = s.architecture;
  h.vocabulary_size = s.vocabulary_size;
  h.context_length = s.context_length;
  h.embedding_length = s.embedding_length;
  h.block_count = s.block_count;
  h.feed_forward_length = s.feed_forward_length;
  h.head_count = s.head_count;
  h.head_count_kv = s.head_count_kv;
  h.head_dimension = h.rope_dimension = s.head_dimension;
  h.rope_base = s.rope_base;
  h.rms_epsilon = s.rms_epsilon;
  h.expert_count = s.expert_count;
  h.experts_used = s.experts_used;
  h.expert_feed_forward_length = s.expert_feed_forward_length;
  h.window = s.window;
  for (uint32_t i = 0; s.window != 0 && i < s.block_count; ++i) h.sliding.push_back(i % 4 != 3);
  h.rope_base_sliding = s.window != 0 ? s.rope_base : 0;
  h.delta_heads = s.delta_heads;
  h.delta_key_heads = s.delta_key_heads;
  h.delta_width = s.delta_width;
  h.delta_window = s.delta_heads != 0 ? delta_window : 0;
  for (uint32_t i = 0; s.delta_heads != 0 && i < s.block_count; ++i) h.recurrent.push_back(i % 4 != 3);
  if (s.delta_heads != 0) h.rope_dimension = s.head_dimension / 4;
  find_family(s.architecture)->set_defaults(h);
  h.tied_head = !s.untied_head;
  return h;
}

// Scales. With a normalised input of variance 1, a ternary matrix of k columns and scale sqrt(2/k) gives
// variance 1. The two matrices that add to the hidden state are smaller, so that all layers together add a
// variance of 1. The embedding is small, which keeps the logits (its products with a normalised vector) at a
// standard deviation of 2.
std::vector<PlannedTensor> plan_tensors(const SynthShape& s, TensorType head, TensorType layers) {
  const float residual = 1.0f / std::sqrt(2.0f * static_cast<float>(s.block_count));
  const auto gain = [&](WeightRole role) {
    const bool adds = role == WeightRole::attention_output || role == WeightRole::delta_output ||
                      role == WeightRole::down || role == WeightRole::down_experts;
    return adds ? residual : 1.0f;
  };
  const bool has_one_scale = find_family(s.architecture)->activations_per_token;
  std::vector<PlannedTensor> plan;
  for (const WeightUse& use : weight_uses(build_graph(hyperparameters_of(s)))) {
    if (use.role == WeightRole::output && !s.untied_head) continue;  // the embedding is the head
    const std::string name = tensor_name(use.role, use.layer);
    const auto n = static_cast<uint64_t>(use.n), k = static_cast<uint64_t>(use.k);
    const auto width = static_cast<float>(k);
    const bool is_gate = use.role == WeightRole::delta_alpha || use.role == WeightRole::delta_beta;
    if (use.role == WeightRole::delta_convolution)  // a variance of 1 for inputs of 1
      plan.push_back({{name, TensorType::f32, {k, n}}, std::sqrt(3.0f / width)});
    else if (use.role == WeightRole::delta_rate)  // with the bias: memories decay by about 0.9 a token
      plan.push_back({{name, TensorType::f32, {k}}, 0.5f, false, true, -1.0f});
    else if (use.role == WeightRole::delta_bias)
      plan.push_back({{name, TensorType::f32, {k}}, 0.5f, false, true, -2.0f});
    else if (info(use.role).is_norm)
      plan.push_back({{name, TensorType::f32, {k}}, 0.25f, false, true, 1.0f});
    else if (is_gate && !s.ternary_gates)  // of a standard deviation of 1
      plan.push_back({{name, TensorType::bf16, {k, n}}, std::sqrt(3.0f / width)});
    else if (use.role == WeightRole::router)  // logits of a standard deviation of 1
      plan.push_back({{name, TensorType::f32, {k, n}}, std::sqrt(3.0f / width)});
    else if (use.count > 1)
      plan.push_back({{name, layers, {k, n, static_cast<uint64_t>(use.count)}},
                      gain(use.role) * std::sqrt(2.0f / width),
                      true,
                      has_one_scale});
    else if (use.role == WeightRole::output)
      plan.push_back({{name, head, {k, n}}, 2.0f * std::sqrt(3.0f / width)});
    else if (use.op == Op::embed)  // a uniform value in [-a, a] has the variance a^2 / 3
      plan.push_back({{name, head, {k, s.vocabulary_size}}, 2.0f * std::sqrt(3.0f / width)});
    else
      plan.push_back({{name, layers, {k, n}}, gain(use.role) * std::sqrt(2.0f / width), true, has_one_scale});
    plan.back().is_binary = is_binary(s) && plan.back().is_of_layer;
  }
  return plan;
}

void add_delta_keys(GgufHeader& header, const std::string& prefix, const SynthShape& s) {
  const uint32_t turned = hyperparameters_of(s).rope_dimension / 2, share = turned / 3;
  const auto height = static_cast<int32_t>(turned - 2 * share);
  header.metadata.insert(
      header.metadata.end(),
      {{prefix + "rope.dimension_sections",
        std::vector<int32_t>{height, static_cast<int32_t>(share), static_cast<int32_t>(share), 0}},
       {prefix + "ssm.conv_kernel", delta_window},
       {prefix + "ssm.state_size", s.delta_width},
       {prefix + "ssm.group_count", s.delta_key_heads},
       {prefix + "ssm.time_step_rank", s.delta_heads},
       {prefix + "ssm.inner_size", s.delta_heads * s.delta_width},
       {prefix + "full_attention_interval", uint32_t{4}}});
}

// All matrices of numbers are turned, and the embedding is turned back.
void add_rotation_keys(GgufHeader& header, const Hyperparameters& h, uint32_t block,
                       const std::vector<PlannedTensor>& plan) {
  std::vector<std::string> turned;
  for (const PlannedTensor& tensor : plan) {
    if (tensor.is_of_layer || tensor.header.name == "output.weight") turned.push_back(tensor.header.name);
  }
  std::vector<int32_t> widths = {
      static_cast<int32_t>(h.embedding_length), static_cast<int32_t>(h.query_length()),
      static_cast<int32_t>(h.delta_length()), static_cast<int32_t>(h.feed_forward_length)};
  std::ranges::sort(widths);
  widths.erase(std::ranges::unique(widths).begin(), widths.end());
  std::erase(widths, 0);  // of layers that there are not
  std::vector<int32_t> signs;
  const RandomStream random(0, "signs");
  for (const int32_t width : widths) {
    for (int32_t i = 0; i < width; ++i) signs.push_back((random.bits(signs.size()) & 1) != 0 ? 1 : -1);
  }
  const std::string prefix = "prism.hadamard.";
  header.metadata.insert(header.metadata.end(),
                         {{prefix + "version", uint32_t{1}},
                          {prefix + "block_size", block},
                          {prefix + "transform", std::string("normalized-sylvester-walsh-hadamard")},
                          {prefix + "axis", std::string("input-last-dimension")},
                          {prefix + "sign_mode", std::string("explicit")},
                          {prefix + "sign_widths", std::move(widths)},
                          {prefix + "sign_values", std::move(signs)},
                          {prefix + "weight_names", std::move(turned)},
                          {prefix + "inverse_weight_names", std::vector<std::string>{"token_embd.weight"}},
                          {prefix + "gdn_v_grouped", true}});
}

GgufHeader make_header(const SynthShape& s, TensorType layers, const std::vector<PlannedTensor>& plan) {
  const std::string prefix = std::string(s.architecture) + ".";
  Vocabulary vocabulary = synthesize_vocabulary(s.vocabulary_size);
  std::vector<int32_t> types;
  for (const TokenType type : vocabulary.types) types.push_back(static_cast<int32_t>(type));
  GgufHeader header;
  header.metadata = {
      {"general.architecture", std::string(s.architecture)},
      {"general.name", fmt::format("{} with random weights", s.name)},
      {prefix + "vocab_size", s.vocabulary_size},
      {prefix + "context_length", s.context_length},
      {prefix + "embedding_length", s.embedding_length},
      {prefix + "block_count", s.block_count},
      {prefix + "feed_forward_length", s.feed_forward_length},
      {prefix + "rope.dimension_count", hyperparameters_of(s).rope_dimension},
      {prefix + "attention.head_count", s.head_count},
      {prefix + "attention.head_count_kv", s.head_count_kv},
      {prefix + "attention.key_length", s.head_dimension},
      {prefix + "attention.value_length", s.head_dimension},
      {prefix + "attention.layer_norm_rms_epsilon", s.rms_epsilon},
      {prefix + "rope.freq_base", s.rope_base},
      {"general.file_type", info(layers).file_type},
      {"general.quantization_version", uint32_t{2}},
      {"tokenizer.ggml.model", vocabulary.model},
      {"tokenizer.ggml.pre", vocabulary.pre},
      {"tokenizer.ggml.tokens", std::move(vocabulary.tokens)},
      {"tokenizer.ggml.token_type", std::move(types)},
      {"tokenizer.ggml.merges", std::move(vocabulary.merges)},
      {"tokenizer.ggml.bos_token_id", *vocabulary.beginning_of_text},
      {"tokenizer.ggml.eos_token_id", *vocabulary.end_of_text},
      {"tokenizer.ggml.eot_token_id", *vocabulary.end_of_turn},
      {"tokenizer.ggml.add_bos_token", true},
  };
  if (s.expert_count > 0) {
    header.metadata.insert(header.metadata.end(),
                           {{prefix + "expert_count", s.expert_count},
                            {prefix + "expert_used_count", s.experts_used},
                            {prefix + "expert_feed_forward_length", s.expert_feed_forward_length}});
  }
  if (s.window > 0) {
    std::vector<bool> sliding;
    for (uint32_t i = 0; i < s.block_count; ++i) sliding.push_back(i % 4 != 3);
    header.metadata.emplace_back(prefix + "attention.sliding_window", s.window);
    header.metadata.emplace_back(prefix + "attention.sliding_window_pattern", std::move(sliding));
  }
  // llama.cpp takes no file of this family without it.
  if (s.architecture == "maple") header.metadata.emplace_back(prefix + "swiglu_clamp_exp", 7.0f);
  if (s.delta_heads > 0) add_delta_keys(header, prefix, s);
  if (s.rotation_block > 0) add_rotation_keys(header, hyperparameters_of(s), s.rotation_block, plan);
  for (const PlannedTensor& tensor : plan) header.tensors.push_back(tensor.header);
  return header;
}

Status write_codes(uint64_t elements, float scale, const RandomStream& random, const ByteSink& sink) {
  // Codes are independent of one another, so the order in which they lie does not matter.
  std::vector<uint64_t> words;
  const uint64_t bytes = elements / 4;
  for (uint64_t start = 0; start < bytes; start += piece_bytes) {
    const uint64_t count = std::min<uint64_t>(piece_bytes, bytes - start);
    words.resize((count + 7) / 8);
    for (size_t i = 0; i < words.size(); ++i) words[i] = random_codes(random.bits(start / 8 + i));
    TERN_TRY(sink(std::as_bytes(std::span(words)).first(count)));
  }
  std::byte tail[32] = {};
  std::memcpy(tail, &scale, sizeof(scale));
  return sink(tail);
}

// Signs of uniform weights that are not quite centred. Their mean magnitude is beta = size / sqrt(2), so that
// products vary as those of trits do, half of which are 0.
Status write_binary(const PlannedTensor& tensor, const RandomStream& random, const ByteSink& sink) {
  const TensorTypeInfo& type = info(tensor.header.type);
  const uint64_t k = tensor.header.dims[0], n = tensor.header.dims[1];
  std::vector<float> weights(n * k);
  const float size = tensor.size * std::sqrt(2.0f);
  for (uint64_t i = 0; i < weights.size(); ++i) weights[i] = size * (random.signed_unit(i) + 0.01f);
  const BinaryWeights binary = binarize(weights);
  if (type.type == TensorType::i2_s) {
    std::vector<std::byte> codes(weights.size() / 4 + 32);
    for (uint64_t i = 0; i < weights.size(); ++i) {
      const CodeBits bits = bits_of(i, I2sOrder::blocks_of_128);
      codes[bits.byte] |= static_cast<std::byte>(static_cast<unsigned>(binary.signs[i] + 1) << bits.shift);
    }
    std::memcpy(&codes[weights.size() / 4], &binary.beta, sizeof(binary.beta));
    return sink(codes);
  }
  const uint64_t group = type.weights.group == 0 ? k : static_cast<uint64_t>(type.weights.group);
  const std::vector<float> scales(k / group, ir::f16_to_f32(ir::f32_to_f16(binary.beta)));
  std::vector<std::byte> row(row_bytes(type, k));
  for (uint64_t r = 0; r < n; ++r) {
    type.write_numbers(std::span(binary.signs).subspan(r * k, k), scales, row);
    TERN_TRY(sink(row));
  }
  return {};
}

// The weights of a row: what the type can hold of 2 random bits each.
void draw_numbers(const TensorTypeInfo& type, const RandomStream& random, uint64_t first,
                  std::span<int8_t> numbers) {
  for (size_t i = 0; i < numbers.size(); ++i) {
    const uint64_t weight = first + i;
    const uint64_t bits = random.bits(weight / 32) >> weight % 32 * 2 & 3;
    const int sign = (bits & 2) != 0 ? 1 : -1;
    numbers[i] = static_cast<int8_t>((bits & 1) != 0 || type.weights.element == ir::Element::sign ? sign : 0);
    // The zero of a group of four, which lie 16 apart, goes through its lanes.
    if (type.one_zero_in_four) numbers[i] = static_cast<int8_t>(i % 64 / 16 == i / 64 % 4 ? 0 : sign);
  }
}

Status write_number_rows(const PlannedTensor& tensor, const RandomStream& random, const ByteSink& sink) {
  const TensorTypeInfo& type = info(tensor.header.type);
  const uint64_t k = tensor.header.dims[0],
                 group = type.weights.group == 0 ? k : static_cast<uint64_t>(type.weights.group);
  uint64_t rows = 1;
  for (size_t i = 1; i < tensor.header.dims.size(); ++i) rows *= tensor.header.dims[i];
  const uint64_t bytes_a_row = row_bytes(type, k),
                 rows_a_piece = std::max<uint64_t>(1, piece_bytes / bytes_a_row);
  const RandomStream of_scales(random.bits(0), "scales");
  std::vector<int8_t> numbers(k);
  std::vector<float> scales(k / group);
  std::vector<std::byte> bytes;
  for (uint64_t start = 0; start < rows; start += rows_a_piece) {
    const uint64_t count = std::min(rows_a_piece, rows - start);
    bytes.resize(count * bytes_a_row);
    for (uint64_t r = 0; r < count; ++r) {
      draw_numbers(type, random, (start + r) * k, numbers);
      for (size_t g = 0; g < scales.size(); ++g) {
        const float share =
            tensor.has_one_scale ? 1 : 1 + 0.25f * of_scales.signed_unit((start + r) * scales.size() + g);
        scales[g] = ir::f16_to_f32(ir::f32_to_f16(tensor.size * share));
      }
      type.write_numbers(numbers, scales, std::span(bytes).subspan(r * bytes_a_row, bytes_a_row));
    }
    TERN_TRY(sink(bytes));
  }
  return {};
}

// Rows of values center + size * uniform(-1, 1).
Status write_rows(const GgufTensorHeader& tensor, float center, float size, const RandomStream& random,
                  const ByteSink& sink) {
  const uint64_t width = tensor.dims[0], rows = tensor.dims.size() > 1 ? tensor.dims[1] : 1;
  const TensorTypeInfo& type = info(tensor.type);
  const uint64_t bytes_a_row = row_bytes(type, width);
  const uint64_t rows_a_piece = std::max<uint64_t>(1, piece_bytes / bytes_a_row);
  std::vector<float> values(width);
  std::vector<std::byte> bytes;
  for (uint64_t start = 0; start < rows; start += rows_a_piece) {
    const uint64_t count = std::min(rows_a_piece, rows - start);
    bytes.resize(count * bytes_a_row);
    for (uint64_t r = 0; r < count; ++r) {
      for (uint64_t i = 0; i < width; ++i)
        values[i] = center + size * random.signed_unit((start + r) * width + i);
      encode_row(tensor.type, values, std::span(bytes).subspan(r * bytes_a_row, bytes_a_row));
    }
    TERN_TRY(sink(bytes));
  }
  return {};
}

Status write_tensor(const PlannedTensor& tensor, uint64_t seed, const ByteSink& sink) {
  const RandomStream random(seed, tensor.header.name);
  if (tensor.is_binary) return write_binary(tensor, random, sink);
  if (tensor.header.type == TensorType::i2_s) {
    uint64_t elements = 1;
    for (const uint64_t dimension : tensor.header.dims) elements *= dimension;
    return write_codes(elements, tensor.size, random, sink);
  }
  if (tensor.is_of_layer) return write_number_rows(tensor, random, sink);
  return write_rows(tensor.header, tensor.center, tensor.size, random, sink);
}

struct Limit {
  std::string_view what;
  uint32_t value, lowest, highest;
};

// What load_model would refuse, said in the words of a shape; nothing if all is well.
std::optional<std::string> find_fault(const SynthShape& s, TensorType head, TensorType layers) {
  const Limit limits[] = {
      {"embedding length", s.embedding_length, 1, max_matrix_width},
      {"number of layers", s.block_count, 1, max_layers},
      {"number of heads", s.head_count, 1, max_heads},
      {"number of key-value heads", s.head_count_kv, 1, max_heads},
      {"head dimension", s.head_dimension, 1, max_head_dimension},
      {"feed-forward length", s.feed_forward_length, 1, max_matrix_width},
      {"context length", s.context_length, 1, max_context},
      {"vocabulary size", s.vocabulary_size, min_synthetic_vocabulary, max_synthetic_vocabulary},
  };
  for (const Limit& limit : limits) {
    if (limit.value < limit.lowest || limit.value > limit.highest) {
      return fmt::format("the {} is {}, outside of {} to {}", limit.what, limit.value, limit.lowest,
                         limit.highest);
    }
  }
  if (s.delta_heads != 0 && s.head_dimension % 8 != 0)
    return fmt::format("a quarter of a head of {} has no pairs to turn", s.head_dimension);
  if (s.rotation_block != 0 && !s.untied_head) return "an embedding that is turned back cannot be the head";
  if (s.rotation_block != 0) {
    const Hyperparameters h = hyperparameters_of(s);
    for (const uint64_t width : {uint64_t{h.embedding_length}, h.query_length(), h.delta_length(),
                                 uint64_t{h.feed_forward_length}}) {
      if (width % s.rotation_block != 0)
        return fmt::format("a width of {} is no whole blocks of {} to turn", width, s.rotation_block);
    }
  }
  if (!info(head).encode) return fmt::format("the head cannot have type {}", name_of(head));
  if (!can_be_synthesized(layers)) return fmt::format("layers cannot have type {}", name_of(layers));
  if (is_binary(s) && info(layers).one_zero_in_four)
    return fmt::format("{} holds zeros, which binary weights have not", name_of(layers));
  return find_head_fault(hyperparameters_of(s));
}

// Bytes of all tensors.
Expected<uint64_t> data_bytes(const std::vector<PlannedTensor>& plan) {
  uint64_t total = 0;
  for (const PlannedTensor& tensor : plan) {
    const GgufTensorHeader& header = tensor.header;
    const auto size = tensor_bytes(header.type, header.dims);
    if (!size) return Error{fmt::format("{}: {}", header.name, size.error().message)};
    if (header.type == TensorType::i2_s && header.dims[0] * header.dims[1] % 128 != 0) {
      return Error{fmt::format("{}: {} rows of {} are not whole I2_S blocks of 128", header.name,
                               header.dims[1], header.dims[0])};
    }
    total += *size;
  }
  return total;
}

}  // namespace

std::span<const SynthShape> synth_shapes() {
  return shapes;
}

bool can_be_synthesized(TensorType type) {
  return type == TensorType::i2_s || (info(type).is_ternary() && info(type).write_numbers);
}

const SynthShape* find_synth_shape(std::string_view name) {
  for (const SynthShape& shape : shapes) {
    if (shape.name == name) return &shape;
  }
  return nullptr;
}

Status synthesize_model(const std::string& path, const SynthShape& shape, const SynthOptions& options) {
  assert(find_family(shape.architecture));
  if (const auto fault = find_fault(shape, options.head, options.layers)) return Error{*fault};
  const std::vector<PlannedTensor> plan = plan_tensors(shape, options.head, options.layers);
  TERN_ASSIGN(const uint64_t total, data_bytes(plan));
  uint64_t done = 0;
  return write_gguf(path, make_header(shape, options.layers, plan), [&](size_t index, const ByteSink& sink) {
    return write_tensor(plan[index], options.seed, [&](std::span<const std::byte> bytes) -> Status {
      done += bytes.size();
      if (options.progress) options.progress(done, total);
      return sink(bytes);
    });
  });
}

}  // namespace tern::runtime
