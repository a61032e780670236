#include "runtime/gguf/type_42.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tern::runtime {
namespace {

constexpr TensorType meanings[] = {TensorType::q2_0, TensorType::pq2_0, TensorType::stq1_0};

bool fits(TensorType meaning, const GgufTensor& tensor, uint64_t room, uint64_t alignment) {
  const auto bytes = tensor_bytes(meaning, tensor.dims);
  return bytes && *bytes <= room && room - *bytes < alignment;
}

// Where tensors begin and the data end, in ascending order.
std::vector<uint64_t> ends_of(std::span<const GgufTensor> tensors, uint64_t data_size) {
  std::vector<uint64_t> ends;
  for (const GgufTensor& tensor : tensors) ends.push_back(tensor.offset);
  ends.push_back(data_size);
  std::ranges::sort(ends);
  return ends;
}

}  // namespace

std::vector<TensorType> fitting_meanings(TensorType type, std::span<const TensorType> meanings,
                                         std::span<const GgufTensor> tensors, uint64_t alignment,
                                         uint64_t data_size) {
  const std::vector<uint64_t> ends = ends_of(tensors, data_size);
  std::vector<TensorType> fitting;
  for (const TensorType meaning : meanings) {
    const bool all_fit = std::ranges::all_of(tensors, [&](const GgufTensor& tensor) {
      if (tensor.type != type) return true;
      const auto end = std::ranges::upper_bound(ends, tensor.offset);
      return end != ends.end() && fits(meaning, tensor, *end - tensor.offset, alignment);
    });
    if (all_fit) fitting.push_back(meaning);
  }
  return fitting;
}

Expected<TensorType> meaning_of_type_42(std::span<const GgufTensor> tensors, uint64_t alignment,
                                        uint64_t data_size) {
  const std::vector<uint64_t> ends = ends_of(tensors, data_size);
  const std::vector<TensorType> fitting =
      fitting_meanings(TensorType::q2_0, meanings, tensors, alignment, data_size);
  if (fitting.size() == 1) return fitting[0];
  if (fitting.size() > 1) {
    return Error{fmt::format("its tensors of type 42 are so small that they can be {} or {}",
                             name_of(fitting[0]), name_of(fitting[1]))};
  }
  const auto first =
      std::ranges::find_if(tensors, [](const GgufTensor& tensor) { return tensor.type == TensorType::q2_0; });
  const auto end = std::ranges::upper_bound(ends, first->offset);
  const uint64_t room = end == ends.end() ? 0 : *end - first->offset;
  std::string sizes;
  for (const TensorType meaning : meanings) {
    const auto bytes = tensor_bytes(meaning, first->dims);
    sizes += fmt::format("{}{} {}", sizes.empty() ? "" : ", ", name_of(meaning),
                         bytes ? fmt::format("{} bytes", *bytes) : "impossible");
  }
  return Error{
      fmt::format("its tensors of type 42 have none of the known forms in common: tensor {} has room "
                  "for {} bytes where it takes as {}",
                  quote(first->name), room, sizes)};
}

}  // namespace tern::runtime
