// `tern inspect`: what a model file holds, and what a token costs.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "runtime/chat/chat_template.h"
#include "runtime/graph/families.h"
#include "runtime/graph/passes.h"
#include "runtime/model/model.h"
#include "runtime/model/model_cost.h"
#include "runtime/source/model_file.h"
#include "tools/commands.h"
#include "tools/options/output_file.h"
#include "tools/options/terminal_text.h"

namespace tern::tools {
namespace {

using nlohmann::ordered_json;
using runtime::GgufFile;
using runtime::GgufTensor;
using runtime::MetadataArray;
using runtime::MetadataType;
using runtime::Model;
using runtime::ModelCost;
using runtime::quote;

struct Arguments {
  std::string path;
  bool json = false, tensors = false, histogram = false, check = false, chat_template = false;
  std::optional<uint32_t> context;
  std::string emit;
  runtime::PassOptions passes;
};

double megabytes(uint64_t bytes) {
  return static_cast<double>(bytes) * 1e-6;
}
double bits_a_weight(uint64_t bytes, uint64_t weights) {
  return 8.0 * static_cast<double>(bytes) / static_cast<double>(weights);
}

// ---- metadata ----

// Numbers, bools and strings as they are; of an array its first elements and its length.
ordered_json array_json(const GgufFile& file, std::string_view key, const MetadataArray& array) {
  constexpr size_t shown = 4;
  ordered_json first = ordered_json::array();
  const auto keep = [&](const auto& elements) {
    for (size_t i = 0; i < std::min(shown, elements.size()); ++i) first.push_back(elements[i]);
  };
  if (array.element == MetadataType::string) keep(*runtime::get_strings(file, key));
  if (array.element == MetadataType::f32) keep(*runtime::get_floats(file, key));
  if (array.element == MetadataType::i32) keep(*runtime::get_integers(file, key));
  return {{"array_of", name_of(array.element)}, {"length", array.count}, {"first", first}};
}

ordered_json metadata_json(const GgufFile& file) {
  ordered_json object = ordered_json::object();
  for (const auto& [key, value] : file.metadata) {
    const auto convert = [&file, key = key](const auto& held) -> ordered_json {
      if constexpr (std::is_same_v<std::decay_t<decltype(held)>, MetadataArray>) {
        return array_json(file, key, held);
      } else {
        return held;
      }
    };
    object[std::string(key)] = std::visit(convert, value);
  }
  return object;
}

// One line, without control characters.
std::string value_text(const GgufFile& file, std::string_view key, const runtime::MetadataValue& value) {
  const auto convert = [&](const auto& held) -> std::string {
    using T = std::decay_t<decltype(held)>;
    if constexpr (std::is_same_v<T, std::string_view>) {
      return quote(held);
    } else if constexpr (std::is_same_v<T, MetadataArray>) {
      const ordered_json first = array_json(file, key, held)["first"];
      std::string text = fmt::format("{} of {}", held.count, name_of(held.element));
      for (const ordered_json& element : first) {
        text += text.ends_with(name_of(held.element)) ? ": " : ", ";
        text += element.is_string() ? quote(element.get<std::string>()) : element.dump();
      }
      return text + (first.size() < held.count ? ", ..." : "");
    } else {
      return fmt::format("{}", held);
    }
  };
  return std::visit(convert, value);
}

void print_metadata(const GgufFile& file) {
  fmt::print("\nmetadata\n");
  for (const auto& [key, value] : file.metadata) {
    fmt::print("  {:<45} {}\n", std::string(key), value_text(file, key, value));
  }
}

// ---- the chat template ----

// The template that `tern chat` takes if none is named: see choose_template. Of a file that cannot be run
// too.
Expected<runtime::ChatTemplate> template_in_use(const GgufFile& file) {
  runtime::Vocabulary vocabulary;
  if (const auto text = runtime::get_string(file, "tokenizer.chat_template"))
    vocabulary.chat_template = *text;
  if (const auto tokens = runtime::get_strings(file, "tokenizer.ggml.tokens"))
    vocabulary.tokens.resize(tokens->size());
  const auto architecture = runtime::get_string(file, "general.architecture");
  return runtime::choose_template(vocabulary, architecture ? *architecture : "");
}

ordered_json template_json(const GgufFile& file) {
  const auto chosen = template_in_use(file);
  if (!chosen) return {{"error", chosen.error().text()}};
  ordered_json object = {{"in_use", chosen->origin}};
  if (!chosen->note.empty()) object["note"] = chosen->note;
  return object;
}

void print_template_line(const GgufFile& file) {
  const auto chosen = template_in_use(file);
  std::string line;
  if (chosen) {
    line = fmt::format("template {}{}{}", chosen->origin, chosen->note.empty() ? "" : ": ", chosen->note);
  } else if (file.find("tokenizer.chat_template") == nullptr) {
    line = "no template in the file";
  } else {
    line = "no template that can be used: " + chosen.error().text();
  }
  fmt::print("chat       {}\n", terminal_text(line));
}

// The text as the file has it; control characters are written out for a terminal. An exit code.
int print_template_text(const GgufFile& file) {
  const auto text = runtime::get_string(file, "tokenizer.chat_template");
  if (!text) return report(text.error());
  if (isatty(1) == 0) return write_output("", *text);
  return write_output("", terminal_text(*text) + "\n");
}

// ---- tensors ----

std::vector<uint64_t> shape_of(const GgufTensor& tensor) {
  return {tensor.dims.begin(), tensor.dims.begin() + tensor.rank};
}

ordered_json tensors_json(const GgufFile& file) {
  ordered_json list = ordered_json::array();
  for (const GgufTensor& tensor : file.tensors) {
    list.push_back({{"name", tensor.name},
                    {"type", name_of(tensor.type)},
                    {"dims", shape_of(tensor)},
                    {"offset", tensor.offset},
                    {"bytes", tensor.data.size()}});
  }
  return list;
}

void print_tensors(const GgufFile& file) {
  fmt::print("\n  {:<34} {:<8} {:>18} {:>13} {:>13}\n", "tensor", "type", "dims", "offset", "bytes");
  for (const GgufTensor& tensor : file.tensors) {
    const std::vector<uint64_t> shape = shape_of(tensor);
    fmt::print("  {:<34} {:<8} {:>18} {:>13} {:>13}\n", std::string(tensor.name), name_of(tensor.type),
               fmt::format("{}", fmt::join(shape, " x ")), tensor.offset, tensor.data.size());
  }
}

// ---- ternary histograms ----

template <class Function>
void for_each_histogram(const Model& model, Function function) {
  for (const runtime::Weights& layer : model.layers) {
    for (const auto& [role, matrix] : layer.matrices) {
      if (info(matrix.type).is_ternary()) function(matrix, count_codes(matrix));
    }
  }
}

ordered_json histogram_json(const Model& model) {
  ordered_json object = ordered_json::object();
  for_each_histogram(model, [&](const runtime::Tensor& matrix, const runtime::CodeCounts& counts) {
    object[std::string(matrix.name)] = {{"-1", counts.minus},
                                        {"0", counts.zero},
                                        {"1", counts.plus},
                                        {"bad", counts.bad},
                                        {"scale", matrix.scale}};
  });
  return object;
}

void print_histogram(const Model& model) {
  fmt::print("\n  {:<34} {:>8} {:>8} {:>8} {:>8} {:>14}\n", "ternary tensor", "-1", "0", "+1", "bad",
             "scale");
  for_each_histogram(model, [](const runtime::Tensor& matrix, const runtime::CodeCounts& counts) {
    const double all = static_cast<double>(matrix.n) * matrix.k;
    const auto percent = [all](uint64_t count) { return 100.0 * static_cast<double>(count) / all; };
    fmt::print("  {:<34} {:>6.2f} % {:>6.2f} % {:>6.2f} % {:>8} {:>14}\n", std::string(matrix.name),
               percent(counts.minus), percent(counts.zero), percent(counts.plus), counts.bad, matrix.scale);
  });
}

// ---- the model ----

ordered_json model_json(const Model& model, const ModelCost& cost, uint32_t context) {
  const runtime::Hyperparameters& h = model.hyperparameters;
  return {{"architecture", h.architecture},
          {"activation", name_of(h.activation)},
          {"sub_norms", h.sub_norms},
          {"tied_head", h.tied_head},
          {"vocabulary_size", h.vocabulary_size},
          {"context_length", h.context_length},
          {"embedding_length", h.embedding_length},
          {"block_count", h.block_count},
          {"feed_forward_length", h.feed_forward_length},
          {"head_count", h.head_count},
          {"head_count_kv", h.head_count_kv},
          {"head_dimension", h.head_dimension},
          {"rope_dimension", h.rope_dimension},
          {"rope_base", h.rope_base},
          {"rms_epsilon", h.rms_epsilon},
          {"weights",
           {{"ternary", cost.ternary_weights}, {"head", cost.head_weights}, {"norms", cost.norm_weights}}},
          {"bits_per_weight",
           {{"ternary", bits_a_weight(cost.ternary_bytes, cost.ternary_weights)},
            {"head", bits_a_weight(cost.head_bytes, cost.head_weights)}}},
          {"bytes_per_token",
           {{"context", context},
            {"layers", cost.layer_bytes},
            {"head", cost.head_bytes},
            {"norms", cost.norm_bytes},
            {"embedding_row", cost.embedding_row_bytes},
            {"keys_and_values", cost.key_value_bytes},
            {"total", cost.token_bytes()}}},
          {"warnings", model.warnings}};
}

void print_model(const Model& model, const ModelCost& cost, uint32_t context) {
  const runtime::Hyperparameters& h = model.hyperparameters;
  fmt::print("model      {}: {}, {}, {}\n", h.architecture, name_of(h.activation),
             h.sub_norms ? "sub-norms" : "no sub-norms",
             h.tied_head ? "head tied to the embedding" : "a head of its own");
  fmt::print("shape      {} layers of width {}, feed-forward {}, {} heads of {} on {} key-value heads\n",
             h.block_count, h.embedding_length, h.feed_forward_length, h.head_count, h.head_dimension,
             h.head_count_kv);
  if (h.expert_count != 0)
    fmt::print("experts    {} a layer, {} a token, of width {}\n", h.expert_count, h.experts_used,
               h.expert_feed_forward_length);
  if (h.window != 0)
    fmt::print("attention  {} layers see {} tokens, the others all\n", std::ranges::count(h.sliding, true),
               h.window);
  if (h.recurrent_layers() != 0)
    fmt::print("state      {} layers are recurrent; {:.1f} MB a sequence\n", h.recurrent_layers(),
               megabytes(h.state_size() * sizeof(float)));
  if (h.rotation.block != 0)
    fmt::print("rotation   inputs of matrices are turned in blocks of {}\n", h.rotation.block);
  fmt::print("text       {} tokens, {} merges, context {}\n", h.vocabulary_size,
             model.vocabulary.merges.size(), h.context_length);
  fmt::print("weights    {:.1f} M ternary at {:.3f} bits, {:.1f} M in the {} head at {:.3f} bits\n",
             megabytes(cost.ternary_weights), bits_a_weight(cost.ternary_bytes, cost.ternary_weights),
             megabytes(cost.head_weights), name_of(model.head().type),
             bits_a_weight(cost.head_bytes, cost.head_weights));
  fmt::print("\na decoded token reads, in MB, after {} others\n", context);
  const auto part = [](const char* name, uint64_t bytes) {
    fmt::print("  {:<16} {:>10.3f}\n", name, megabytes(bytes));
  };
  part("layers", cost.layer_bytes);
  part("head", cost.head_bytes);
  part("norms", cost.norm_bytes);
  part("embedding row", cost.embedding_row_bytes);
  part("keys and values", cost.key_value_bytes);
  part("total", cost.token_bytes());
  for (const std::string& warning : model.warnings) fmt::print("\nwarning: {}\n", warning);
}

// ---- the command ----

ordered_json file_json(const GgufFile& file, const Arguments& arguments) {
  ordered_json object = {{"file", file.path()},
                         {"bytes", file.size()},
                         {"gguf_version", file.version},
                         {"chat_template", template_json(file)},
                         {"metadata", metadata_json(file)}};
  if (arguments.tensors) object["tensors"] = tensors_json(file);
  return object;
}

// The model's graph: after every pass, or as one of them left it.
int print_graph(const Model& model, const Arguments& arguments) {
  const auto show = [&](std::string_view pass, const runtime::Graph& graph) {
    if (arguments.emit == "graph") fmt::print("// after: {}\n{}\n", pass, print(graph));
    if (arguments.emit == fmt::format("graph={}", pass)) fmt::print("{}", print(graph));
  };
  run_passes(build_graph(model.hyperparameters), arguments.passes, show);
  return exit_ok;
}

std::vector<std::string> emits() {
  std::vector<std::string> all = {"graph", "graph=build"};
  for (const runtime::GraphPass& pass : runtime::graph_passes())
    all.push_back(fmt::format("graph={}", pass.name));
  return all;
}

int inspect(const Arguments& arguments) {
  const auto file = runtime::open_model_file(arguments.path);
  if (!file) return report(file.error());
  if (arguments.chat_template) return print_template_text(*file);
  // A file that cannot be run is still described as far as it was understood.
  const auto model = runtime::load_model(*file, {.check_values = arguments.check});
  if (!arguments.emit.empty()) return model ? print_graph(*model, arguments) : report(model.error());
  std::optional<ModelCost> cost;
  uint32_t context = 0;
  if (model) {
    context = arguments.context.value_or(model->hyperparameters.context_length);
    cost = runtime::cost_of(*model, context);
  }

  if (arguments.json) {
    ordered_json object = file_json(*file, arguments);
    if (model) object["model"] = model_json(*model, *cost, context);
    if (model && arguments.histogram) object["histogram"] = histogram_json(*model);
    if (!model) object["error"] = model.error().text();
    // A hostile file's texts need not be UTF-8.
    fmt::print("{}\n", object.dump(2, ' ', false, ordered_json::error_handler_t::replace));
  } else {
    fmt::print("file       {}: {:.1f} MB, GGUF version {}, {} keys, {} tensors\n", file->path(),
               megabytes(file->size()), file->version, file->metadata.size(), file->tensors.size());
    print_template_line(*file);
    if (model) print_model(*model, *cost, context);
    print_metadata(*file);
    if (arguments.tensors) print_tensors(*file);
    if (model && arguments.histogram) print_histogram(*model);
  }
  return model ? exit_ok : report(model.error());
}

}  // namespace

void add_inspect(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("inspect", "Show what a model file holds and what a token costs");
  command
      ->add_option("model", arguments->path,
                   "Model: a GGUF file, any part of a split one, or a Hugging Face folder")
      ->required();
  command->add_flag("--json", arguments->json, "Print JSON");
  command->add_flag("--tensors", arguments->tensors, "List the tensors");
  command->add_flag("--template", arguments->chat_template,
                    "Print the file's chat template and nothing else");
  command->add_flag("--histogram", arguments->histogram, "Count the -1, 0 and +1 of each ternary tensor");
  command->add_flag("--check", arguments->check, "Check every weight, not only the file's structure");
  command->add_option("--context", arguments->context,
                      "Tokens before the one whose cost is shown (the model's limit)");
  command
      ->add_option("--emit", arguments->emit,
                   "Show the model's graph instead, after every pass (graph) or after one (graph=PASS)")
      ->check(CLI::IsMember(emits()));
  command->add_option("--rows", arguments->passes.rows, "Tokens a step, for --emit")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--threads", arguments->passes.threads, "Threads that run a step, for --emit")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->callback([arguments, &exit_code] { exit_code = inspect(*arguments); });
}

}  // namespace tern::tools
