// check_values of model.h.
#include <fmt/format.h>

#include "runtime/model/model.h"

namespace tern::runtime {

Status check_values(const Tensor& tensor, const std::string& path) {
  const TensorTypeInfo& type = info(tensor.type);
  const std::optional<uint64_t> bad =
      type.find_bad(tensor.data, uint64_t{tensor.n} * tensor.k * tensor.count, tensor.order);
  if (!bad) return {};
  return Error{fmt::format("tensor {} {} at row {}, column {}", quote(tensor.name), type.fault,
                           *bad / tensor.k, *bad % tensor.k),
               {path}};
}

}  // namespace tern::runtime
