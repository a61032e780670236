// Kernels that commands read, and the messages for wrong ones.
#pragma once

#include <string>
#include <vector>

#include "base/expected.h"
#include "ir/kernel/kernel.h"
#include "targets/target.h"

namespace tern::tools {

// Reads and verifies one kernel; "-" is standard input.
Expected<ir::Kernel> read_kernel(const std::string& file);

// The kernel, if ir::verify finds nothing.
Expected<ir::Kernel> checked(ir::Kernel kernel, const ir::KernelLocations& locations = {});

// Fails with the reasons if the target cannot run the kernel.
Status check_legal(const ir::Kernel& kernel, const targets::Target& target);

// All errors as one, a line each.
Error joined(const std::vector<Error>& errors);

}  // namespace tern::tools
