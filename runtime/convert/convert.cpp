#include "runtime/convert/convert.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/convert/ternary_rows.h"
#include "runtime/tensor/tensor_rows.h"

namespace tern::runtime {
namespace {

constexpr uint32_t quantization_version = 2;

struct Plan {
  const SourceTensor* from;
  TensorType to;
  bool is_ternary;
};

Error tensor_error(const ModelSource& source, const SourceTensor& tensor, std::string_view message) {
  return Error{fmt::format("tensor {}: {}", quote(tensor.name), message), {source.path}};
}

std::vector<Plan> plan_of(const ModelSource& source, const ConvertOptions& options) {
  std::vector<Plan> plan;
  for (const SourceTensor& tensor : source.tensors) {
    const bool is_ternary = has_ternary_rows(tensor.type);
    TensorType to = is_ternary ? options.ternary : tensor.type;
    // ggml multiplies by norms of F32 alone: llama.cpp ends at the first step with others.
    const bool is_half = tensor.type == TensorType::f16 || tensor.type == TensorType::bf16;
    if (tensor.dims.size() == 1 && is_half) to = TensorType::f32;
    // Rows of the embedding are looked up, so its type must have rows.
    const bool is_outside = tensor.name == "output.weight" || tensor.name == "token_embd.weight";
    if (is_outside && !info(to).has_rows()) to = tensor.type;
    if (tensor.name == "output.weight" && options.head) to = *options.head;
    if (tensor.name == "token_embd.weight" && options.embedding) to = *options.embedding;
    plan.push_back({&tensor, to, is_ternary && ternary_format(to, 1).has_value()});
  }
  return plan;
}

uint64_t row_length(const SourceTensor& tensor) {
  return tensor.dims.empty() ? 1 : tensor.dims[0];
}

// Refuses what the types cannot hold, before anything is written.
Status examine(const ModelSource& source, const std::vector<Plan>& plan, const ConvertOptions& options) {
  TernaryLoss all;
  std::string first;
  for (const Plan& tensor : plan) {
    if (options.interrupted && options.interrupted()) return Error{"interrupted", {}, ErrorKind::interrupted};
    constexpr size_t longest_name = 63, most_dims = 4;
    if (tensor.from->name.size() > longest_name || tensor.from->dims.size() > most_dims)
      return tensor_error(source, *tensor.from,
                          "its name or its dimensions are more than a GGUF file can hold");
    const Expected<uint64_t> size = tensor_bytes(tensor.to, tensor.from->dims);
    if (!size) return tensor_error(source, *tensor.from, size.error().message);
    if (tensor.to == tensor.from->type) continue;
    if (!tensor.is_ternary) {
      if (!info(tensor.from->type).has_rows() || !info(tensor.to).has_rows())
        return tensor_error(
            source, *tensor.from,
            fmt::format("{} cannot be made of {}", name_of(tensor.to), name_of(tensor.from->type)));
      continue;
    }
    TERN_ASSIGN(const TensorBytes bytes, tensor.from->read());
    const auto rows = ternary_rows(tensor.from->type, tensor.from->dims, bytes.bytes);
    if (!rows) return tensor_error(source, *tensor.from, rows.error().message);
    const TernaryLoss loss = loss_in(*rows, *ternary_format(tensor.to, row_length(*tensor.from)));
    if (!loss.is_none() && first.empty()) first = tensor.from->name;
    all.mixed += loss.mixed;
    all.twos += loss.twos;
    all.rounded += loss.rounded;
    all.largest_change = std::max(all.largest_change, loss.largest_change);
  }
  const auto refuse = [&](const std::string& what) {
    return Error{fmt::format("{} would change {}, the first in tensor {}", name_of(options.ternary), what,
                             quote(first)),
                 {source.path}};
  };
  if (all.mixed > 0)
    return refuse(fmt::format("{} weights, which have other scales than others of their group", all.mixed));
  if (all.twos > 0) return refuse(fmt::format("{} weights that are +2", all.twos));
  if (all.rounded > 0 && !options.allow_rounding)
    return refuse(
        fmt::format("{} scales, which are no f16 values, by up to {:.2g} % (--allow-rounding lets it)",
                    all.rounded, 100 * all.largest_change));
  return {};
}

GgufHeader header_of(const ModelSource& source, const std::vector<Plan>& plan, TensorType ternary) {
  GgufHeader header;
  bool has_version = false;
  const uint32_t file_type = info(ternary).file_type;
  for (const auto& [key, value] : source.metadata) {
    if (key == "general.alignment") continue;  // the writer has its own
    has_version = has_version || key == "general.quantization_version";
    if (key == "general.file_type" && file_type != 0)
      header.metadata.emplace_back(key, file_type);
    else
      header.metadata.emplace_back(key, value);
  }
  if (!has_version) header.metadata.emplace_back("general.quantization_version", quantization_version);
  for (const Plan& tensor : plan) header.tensors.push_back({tensor.from->name, tensor.to, tensor.from->dims});
  return header;
}

// Rows of floats in another type.
Status write_rows(const Plan& tensor, std::span<const std::byte> bytes, const ByteSink& sink) {
  const uint64_t k = row_length(*tensor.from);
  const TensorTypeInfo &from = info(tensor.from->type), &to = info(tensor.to);
  const uint64_t from_bytes = row_bytes(from, k), to_bytes = row_bytes(to, k);
  std::vector<float> values(k);
  std::vector<std::byte> row(to_bytes);
  for (uint64_t at = 0; at < bytes.size(); at += from_bytes) {
    decode_row(from.type, bytes.subspan(at, from_bytes), values);
    if (!std::ranges::all_of(values, [](float value) { return value - value == 0; }))
      return Error{fmt::format("tensor {}: row {} holds a value that is not finite", quote(tensor.from->name),
                               at / from_bytes)};
    encode_row(to.type, values, row);
    TERN_TRY(sink(row));
  }
  return {};
}

Status write_tensor(const ModelSource& source, const Plan& tensor, const ByteSink& sink) {
  TERN_ASSIGN(const TensorBytes bytes, tensor.from->read());
  if (tensor.to == tensor.from->type) {
    constexpr size_t piece = size_t{1} << 18;
    for (size_t at = 0; at < bytes.bytes.size(); at += piece)
      TERN_TRY(sink(bytes.bytes.subspan(at, std::min(piece, bytes.bytes.size() - at))));
    return {};
  }
  if (!tensor.is_ternary) return write_rows(tensor, bytes.bytes, sink);
  const auto rows = ternary_rows(tensor.from->type, tensor.from->dims, bytes.bytes);
  if (!rows) return tensor_error(source, *tensor.from, rows.error().message);
  return write_ternary(*rows, *ternary_format(tensor.to, row_length(*tensor.from)), sink);
}

}  // namespace

std::vector<TensorType> convertible_types() {
  std::vector<TensorType> types;
  for (const TensorTypeInfo* type : readable_types()) {
    if (ternary_format(type->type, type->block_elements)) types.push_back(type->type);
  }
  return types;
}

Expected<ConvertRemarks> convert_to_gguf(const ModelSource& source, const std::string& path,
                                         const ConvertOptions& options) {
  const std::vector<Plan> plan = plan_of(source, options);
  TERN_TRY(examine(source, plan, options));
  uint64_t done = 0, total = 0;
  for (const Plan& tensor : plan) total += *tensor_bytes(tensor.to, tensor.from->dims);
  const Status written =
      write_gguf(path, header_of(source, plan, options.ternary), [&](size_t i, const ByteSink& sink) {
        return write_tensor(source, plan[i], [&](std::span<const std::byte> bytes) -> Status {
          if (options.interrupted && options.interrupted())
            return Error{"interrupted", {}, ErrorKind::interrupted};
          done += bytes.size();
          if (options.progress) options.progress(done, total);
          return sink(bytes);
        });
      });
  if (!written) return written.error();
  ConvertRemarks remarks;
  const auto turns = [](const auto& key) { return key.first.starts_with("prism."); };
  if (std::ranges::any_of(source.metadata, turns)) {
    remarks.push_back(
        "the weights are turned, as the keys prism.* say; programs that do not know these, such as "
        "llama.cpp, read the file and answer nonsense");
  }
  for (const Plan& tensor : plan) {
    const bool is_matrix = tensor.from->dims.size() >= 2;
    const bool is_outside = tensor.from->name == "token_embd.weight" || tensor.from->name == "output.weight";
    if (is_matrix && !is_outside && !has_ternary_rows(tensor.from->type)) {
      remarks.push_back(fmt::format("{} and perhaps others are {}, not ternary, and were kept as they are",
                                    tensor.from->name, name_of(tensor.from->type)));
      break;
    }
  }
  return remarks;
}

}  // namespace tern::runtime
