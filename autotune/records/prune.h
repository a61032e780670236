// Forgetting what has served its purpose.
#pragma once

#include "autotune/records/database.h"

namespace tern::autotune {

// Keeps all choices with the records of their kernels, the records of refused kernels, and of all others the
// `keep` best for each problem and conditions: measured ones first, by the last ratio to the default kernel,
// then predicted ones, by the predicted time. Returns the number of records that were removed.
size_t prune(Database& database, size_t keep);

}  // namespace tern::autotune
