// `tern synth`: writes a model with random weights.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/model/synth.h"
#include "tools/commands.h"
#include "tools/options/named_value.h"
#include "tools/options/output_file.h"

namespace tern::tools {
namespace {

using runtime::SynthShape;
using runtime::TensorType;

struct Arguments {
  std::string shape_name, output;
  SynthShape numbers;  // the numbers that the user gave; 0 where the named shape decides
  TensorType head = TensorType::f16;
  std::optional<TensorType> layers;
  uint64_t seed = 0;
};

// The named shape, changed by the numbers that the user gave. `custom` begins with a small vocabulary and
// context only.
SynthShape chosen_shape(const Arguments& arguments) {
  SynthShape shape{.name = "custom",
                   .architecture = "bitnet-b1.58",
                   .vocabulary_size = 1024,
                   .context_length = 2048,
                   .rope_base = 10000};
  if (const SynthShape* named = runtime::find_synth_shape(arguments.shape_name)) shape = *named;
  const SynthShape& given = arguments.numbers;
  const auto replace = [](uint32_t& value, uint32_t by) {
    if (by != 0) value = by;
  };
  replace(shape.embedding_length, given.embedding_length);
  replace(shape.block_count, given.block_count);
  replace(shape.head_count, given.head_count);
  replace(shape.head_count_kv, given.head_count_kv);
  replace(shape.head_dimension, given.head_dimension);
  replace(shape.feed_forward_length, given.feed_forward_length);
  replace(shape.vocabulary_size, given.vocabulary_size);
  replace(shape.context_length, given.context_length);
  if (shape.head_count_kv == 0) shape.head_count_kv = shape.head_count;
  if (shape.head_dimension == 0 && shape.head_count != 0) {
    shape.head_dimension = shape.embedding_length / shape.head_count;
  }
  return shape;
}

// A line on the terminal that counts up; nothing if stderr is not a terminal.
std::function<void(uint64_t, uint64_t)> progress_line() {
  if (!isatty(STDERR_FILENO)) return {};
  return [shown = uint64_t{101}](uint64_t done, uint64_t total) mutable {
    const uint64_t percent = done * 100 / total;
    if (percent == shown) return;
    shown = percent;
    fmt::print(stderr, "\r{:3} % of {:.1f} MB{}", percent, static_cast<double>(total) * 1e-6,
               done == total ? "\n" : "");
    std::fflush(stderr);
  };
}

int synthesize(const Arguments& arguments) {
  const SynthShape shape = chosen_shape(arguments);
  const TensorType usual = shape.architecture == "bitnet-b1" ? TensorType::q1_0 : TensorType::i2_s;
  const Status status = runtime::synthesize_model(arguments.output, shape,
                                                  {.seed = arguments.seed,
                                                   .head = arguments.head,
                                                   .layers = arguments.layers.value_or(usual),
                                                   .progress = progress_line()});
  return status ? exit_ok : report(status.error());
}

}  // namespace

void add_synth(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("synth", "Write a model with random weights, to measure and test with");
  std::vector<std::string> names;
  for (const SynthShape& shape : runtime::synth_shapes()) names.emplace_back(shape.name);
  names.emplace_back("custom");
  std::map<std::string, TensorType> heads, types;
  for (const runtime::TensorTypeInfo* type : runtime::readable_types()) {
    if (runtime::can_be_synthesized(type->type)) types.emplace(type->name, type->type);
    if (type->encode) heads.emplace(type->name, type->type);
  }

  types.emplace("b1", TensorType::q1_0);

  command
      ->add_option("--arch", arguments->shape_name,
                   "Shape; the numbers below change it, and custom needs them")
      ->required()
      ->check(CLI::IsMember(names));
  command->add_option("-o,--output", arguments->output, "File to write (GGUF)")->required();
  command->add_option("--seed", arguments->seed, "Same seed: same file")->capture_default_str();
  add_named_value(*command, "--head", arguments->head,
                  "Type of the embedding, which is also the head (default: F16)", heads);
  add_named_value(
      *command, "--type", arguments->layers,
      "Type of the layers' matrices; b1 is a bit a weight (default: b1 for binary models, else I2_S)", types);

  SynthShape& numbers = arguments->numbers;
  const auto number = [&](const char* name, uint32_t& value, const char* help) {
    command->add_option(name, value, help)->check(CLI::Range(1, 1 << 30));
  };
  number("--hidden", numbers.embedding_length, "Width of the hidden state");
  number("--layers", numbers.block_count, "Transformer blocks");
  number("--heads", numbers.head_count, "Attention heads");
  number("--kv-heads", numbers.head_count_kv, "Key-value heads (as many as heads)");
  number("--head-dim", numbers.head_dimension, "Width of a head (hidden / heads)");
  number("--ffn", numbers.feed_forward_length, "Width of the feed-forward part");
  number("--vocab", numbers.vocabulary_size, "Tokens");
  number("--context", numbers.context_length, "Context length");
  command->callback([arguments, &exit_code] { exit_code = synthesize(*arguments); });
}

}  // namespace tern::tools
