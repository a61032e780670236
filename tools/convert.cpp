// `tern convert`: writes a model in another form.
#include "runtime/convert/convert.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "runtime/convert/i2s_blocks.h"
#include "runtime/convert/write_hf.h"
#include "runtime/model/i2s_order.h"
#include "runtime/source/hf_folder.h"
#include "runtime/source/model_file.h"
#include "tools/commands.h"
#include "tools/options/model_options.h"
#include "tools/options/output_file.h"
#include "tools/options/process.h"

namespace tern::tools {
namespace {

using runtime::TensorType;

constexpr const char* folder_form = "safetensors";

struct Arguments {
  std::string input, output, to;
  std::string head, embedding, i2s_order = "auto";
  bool allow_rounding = false;
};

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

// The types of rows of floats, by their names in small letters.
std::map<std::string, TensorType> row_types() {
  std::map<std::string, TensorType> types;
  for (const runtime::TensorTypeInfo* type : runtime::readable_types()) {
    if (type->has_rows() && type->encode) types.emplace(lower(type->name), type->type);
  }
  return types;
}
std::map<std::string, TensorType> ternary_types() {
  std::map<std::string, TensorType> types;
  for (const TensorType type : runtime::convertible_types()) types.emplace(lower(name_of(type)), type);
  if (types.contains("pq2_0")) types.emplace("q2_0_g128", types.at("pq2_0"));
  return types;
}

// "\r 42 % of 1200.0 MB" on a terminal.
std::function<void(uint64_t, uint64_t)> progress_line() {
  if (!isatty(STDERR_FILENO)) return {};
  return [shown = -1](uint64_t done, uint64_t total) mutable {
    const int percent = total == 0 ? 100 : static_cast<int>(100 * done / total);
    if (percent == shown) return;
    shown = percent;
    fmt::print(stderr, "\r{:3} % of {:.1f} MB{}", percent, static_cast<double>(total) * 1e-6,
               done == total ? "\n" : "");
    std::fflush(stderr);
  };
}

// Whether the I2_S matrices have blocks of 64: as the option says, else as the weights show, where the model
// is one that can be run.
bool has_blocks_of_64(const Arguments& arguments, const runtime::ModelSource& source) {
  const auto is_i2_s = [](const runtime::SourceTensor& tensor) { return tensor.type == TensorType::i2_s; };
  if (runtime::is_hf_model(arguments.input) || std::ranges::none_of(source.tensors, is_i2_s)) return false;
  if (const auto named = i2s_order_named(arguments.i2s_order))
    return *named == runtime::I2sOrder::blocks_of_64;
  const auto model = runtime::load_model(arguments.input, {.check_values = false});
  if (!model || !runtime::weigh_i2s_orders(*model).is_64()) return false;
  print_warning("the I2_S weights show blocks of 64, and are read so; --i2s-order says otherwise");
  return true;
}

int convert(const Arguments& arguments) {
  catch_interrupts();
  auto source = runtime::open_model_source(arguments.input);
  if (!source) return report(source.error());
  if (has_blocks_of_64(arguments, *source)) source = runtime::from_blocks_of_64(source.take());
  runtime::ConvertOptions options;
  options.allow_rounding = arguments.allow_rounding;
  options.progress = progress_line();
  options.interrupted = interrupted;
  if (!arguments.head.empty()) options.head = row_types().at(arguments.head);
  if (!arguments.embedding.empty()) options.embedding = row_types().at(arguments.embedding);
  const bool to_folder = arguments.to == folder_form;
  if (!to_folder) options.ternary = ternary_types().at(arguments.to);
  const auto remarks = to_folder ? convert_to_hf(*source, arguments.output, options)
                                 : convert_to_gguf(*source, arguments.output, options);
  if (!remarks) return report(remarks.error());
  for (const std::string& remark : *remarks) print_warning(remark);
  return exit_ok;
}

}  // namespace

void add_convert(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("convert", "Write a model in another form, without loss or not at all");
  command
      ->add_option("input", arguments->input,
                   "A GGUF file, any part of a split one, or a Hugging Face folder")
      ->required();
  command->add_option("-o,--output", arguments->output, "GGUF file to write; a folder for safetensors")
      ->required();
  std::vector<std::string> forms, rows;
  for (const auto& [name, type] : ternary_types()) forms.push_back(name);
  for (const auto& [name, type] : row_types()) rows.push_back(name);
  forms.emplace_back(folder_form);
  command
      ->add_option("--to", arguments->to,
                   "Type of the ternary matrices in a GGUF file, or safetensors for a Hugging Face folder")
      ->required()
      ->check(CLI::IsMember(forms, CLI::ignore_case));
  command->add_option("--head", arguments->head, "Type of output.weight (as it is)")
      ->check(CLI::IsMember(rows, CLI::ignore_case));
  command->add_option("--embedding", arguments->embedding, "Type of token_embd.weight (as it is)")
      ->check(CLI::IsMember(rows, CLI::ignore_case));
  add_i2s_order(*command, arguments->i2s_order);
  command->add_flag("--allow-rounding", arguments->allow_rounding,
                    "Round scales to f16 where the type has these, instead of refusing");
  command->callback([arguments, &exit_code] {
    for (std::string* name : {&arguments->to, &arguments->head, &arguments->embedding}) *name = lower(*name);
    exit_code = convert(*arguments);
  });
}

}  // namespace tern::tools
