// Forgetting what has served its purpose.
#pragma once

#include "autotune/records/database.h"

namespace tern::autotune {

// Keeps all choices with the records of their kernels, what must not be used again, and of the rest the
// `keep` best records for each problem and conditions: by the last ratio to the default kernel, then those
// that were only predicted, by that. Returns how many went.
size_t prune(Database& database, size_t keep);

}  // namespace tern::autotune
