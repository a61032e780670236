// A good kernel for a problem on a target without any tuning, from the target's registers and features alone.
#pragma once

#include "ir/kernel/kernel.h"
#include "kernels/recipe.h"
#include "targets/target.h"

namespace tern::kernels {

// A kernel that is legal on the target. Its layout depends on n, k, the weights and the target but not on m,
// so one packed copy of the weights serves every number of tokens.
ir::Kernel default_kernel(const ir::Problem& problem, const targets::Target& target);

// The recipe of that kernel; its knobs are the default ones.
Recipe default_recipe(const ir::Problem& problem, const targets::Target& target);

// The packed form of one kind of dense weight, or of trits.
ir::Packing default_packing(const ir::Problem& problem);

}  // namespace tern::kernels
