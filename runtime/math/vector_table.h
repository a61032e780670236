// Choosing a function of a table that HWY_EXPORT made without Highway's own choice, which is one for the
// whole process. Only for files that include hwy/highway.h with all targets.
#pragma once

#include <cstddef>

#include "hwy/highway.h"
#include "runtime/math/vector_level.h"

namespace tern::runtime {

// The entry for the best instructions that this CPU has and `level` allows. A table of one entry is that of
// an architecture for which only one set of instructions is compiled.
template <class Function, size_t size>
Function function_for(Function const (&table)[size], VectorLevel level) {
  if constexpr (size == 1) return table[0];
  hwy::ChosenTarget chosen;
  chosen.Update(vector_targets(level));
  return table[chosen.GetIndex()];
}

}  // namespace tern::runtime
