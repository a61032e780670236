// Layouts drawn at random from all that `check` accepts.
#pragma once

#include <algorithm>

#include "ir/kernel/layout.h"
#include "tests/support/random.h"

namespace tern::testing {

// Appends the factors of one axis: digits of 2 to 5 values, from the innermost to the one without a modulus.
inline void add_random_axis(std::vector<ir::Factor>& factors, ir::Axis axis, Random& random) {
  int64_t divisor = 1;
  for (int64_t digits = random.pick(0, 3); digits > 0; --digits) {
    const int64_t modulus = divisor * random.pick(2, 5);
    factors.push_back({axis, modulus, divisor});
    divisor = modulus;
  }
  factors.push_back({axis, 0, divisor});
}

// A layout of trits or dense weights, flattened now and then.
inline ir::Layout random_layout(ir::Packing packing, Random& random, bool may_be_flat = true) {
  const int64_t group = info(packing).weights_per_group;
  for (;;) {
    ir::Layout layout{packing, {}, int64_t{1} << random.pick(0, 7)};
    if (may_be_flat && random.pick(0, 3) == 0) {
      add_random_axis(layout.factors, ir::Axis::e, random);
    } else {
      add_random_axis(layout.factors, ir::Axis::n, random);
      add_random_axis(layout.factors, ir::Axis::k, random);
    }
    std::shuffle(layout.factors.begin(), layout.factors.end(), random.engine());
    if (group > 1 && random.coin()) {  // make whole groups more likely: a digit of that size, innermost
      const ir::Axis axis = layout.factors.back().axis;
      for (ir::Factor& factor : layout.factors) {
        if (factor.axis != axis) continue;
        factor.divisor *= group;
        factor.modulus *= group;
      }
      layout.factors.push_back({axis, group, 1});
    }
    if (info(packing).bytes_per_group > 1 && !info(packing).holds.dense && random.coin())
      layout.factors.insert(layout.factors.begin() + random.pick(0, layout.factors.size() - 1),
                            {ir::Axis::b});
    if (check(layout).empty()) return layout;
  }
}

}  // namespace tern::testing
