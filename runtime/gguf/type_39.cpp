#include "runtime/gguf/type_39.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "runtime/gguf/type_42.h"

namespace tern::runtime {

Expected<TensorType> meaning_of_type_39(std::span<const GgufTensor> tensors, uint64_t alignment,
                                        uint64_t data_size) {
  const std::vector<TensorType> fitting = fitting_meanings(
      TensorType::tl2, std::vector{TensorType::tl2, TensorType::mxfp4}, tensors, alignment, data_size);
  // The sizes of a matrix are far apart.
  if (!fitting.empty()) return fitting[0];
  const auto first =
      std::ranges::find_if(tensors, [](const GgufTensor& tensor) { return tensor.type == TensorType::tl2; });
  return Error{fmt::format("its tensors of type 39 are not all TL2 nor all MXFP4, the first of them {}",
                           quote(first->name))};
}

}  // namespace tern::runtime
