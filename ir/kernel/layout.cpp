#include "ir/kernel/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace tern::ir {
namespace {

int64_t extent(const Factor& factor, int64_t axis_size) {
  return factor.modulus == 0 ? ceil_divide(axis_size, factor.divisor) : factor.modulus / factor.divisor;
}

int64_t axis_size(Axis axis, int64_t n, int64_t k) {
  return axis == Axis::n ? n : axis == Axis::k ? k : n * k;
}

// The largest divisor or modulus that is accepted: a padded axis of n and one of k then have a product, in
// bytes, that int64_t holds.
constexpr int64_t max_factor = int64_t{1} << 30;

void check_axis(const Layout& layout, Axis axis, std::vector<std::string>& problems) {
  std::vector<Factor> chain;
  for (const Factor& factor : layout.factors) {
    if (factor.axis == axis) chain.push_back(factor);
  }
  std::sort(chain.begin(), chain.end(),
            [](const Factor& a, const Factor& b) { return a.divisor < b.divisor; });
  int64_t covered = 1;
  for (size_t i = 0; i < chain.size(); ++i) {
    const Factor& factor = chain[i];
    const bool outermost = i + 1 == chain.size();
    if (factor.divisor != covered)
      problems.push_back(fmt::format("{} leaves a gap: expected a divisor of {}", print(factor), covered));
    if (outermost != (factor.modulus == 0))
      problems.push_back(outermost
                             ? fmt::format("the outermost factor of {} must have no modulus", name(axis))
                             : fmt::format("axis {} has more than one factor without a modulus", name(axis)));
    if (factor.modulus != 0 && (factor.modulus <= factor.divisor || factor.modulus % factor.divisor != 0))
      problems.push_back(
          fmt::format("{}: the modulus must be a larger multiple of the divisor", print(factor)));
    covered = factor.modulus;
  }
}

// The factor b: there is one, plain, outside a whole number of groups.
void check_bytes(const Layout& layout, std::vector<std::string>& problems) {
  const PackingInfo& packing = info(layout.packing);
  int64_t inside = 1;
  int count = 0;
  for (auto factor = layout.factors.rbegin(); factor != layout.factors.rend(); ++factor) {
    if (factor->axis == Axis::b) {
      ++count;
      if (factor->modulus != 0 || factor->divisor != 1) problems.push_back("b has no modulus and no divisor");
    } else if (count == 0) {
      inside = factor->modulus == 0 || factor->divisor == 0
                   ? 0
                   : std::min(inside * (factor->modulus / factor->divisor), max_factor);
    }
  }
  if (count > 1) problems.push_back("b stands in a layout once");
  if (packing.holds.dense || packing.bytes_per_group == 1)
    problems.push_back(
        fmt::format("b needs a packing with groups of several bytes, unlike {}", packing.name));
  else if (inside == 0 || inside % packing.weights_per_group != 0)
    problems.push_back("the factors inside b must make up whole groups, without padding");
}

}  // namespace

char name(Axis axis) {
  return "mnkeb"[static_cast<int>(axis)];
}

std::string print(const Factor& factor) {
  std::string text(1, name(factor.axis));
  if (factor.modulus != 0) text += fmt::format("%{}", factor.modulus);
  if (factor.divisor != 1) text += fmt::format("/{}", factor.divisor);
  return text;
}

std::string print(const Layout& layout) {
  std::string text = fmt::format("{} [", info(layout.packing).name);
  for (size_t i = 0; i < layout.factors.size(); ++i) text += (i ? ", " : "") + print(layout.factors[i]);
  return text + fmt::format("] align {}", layout.alignment);
}

std::vector<std::string> check(const Layout& layout) {
  std::vector<std::string> problems;
  bool has[5] = {};
  for (const Factor& factor : layout.factors) {
    has[static_cast<int>(factor.axis)] = true;
    if (factor.divisor < 1 || factor.divisor > max_factor || factor.modulus < 0 ||
        factor.modulus > max_factor) {
      problems.push_back(fmt::format("{}: numbers must be between 1 and {}", print(factor), max_factor));
      return problems;
    }
  }
  if (has[static_cast<int>(Axis::m)]) problems.push_back("weights have no axis m");
  const bool flattened = has[static_cast<int>(Axis::e)];
  const bool n = has[static_cast<int>(Axis::n)], k = has[static_cast<int>(Axis::k)];
  if (flattened ? n || k : !n || !k)
    problems.push_back("a layout names the axes n and k, or the flattened axis e alone");
  if (has[static_cast<int>(Axis::b)]) check_bytes(layout, problems);
  if (layout.factors.size() > 16) problems.push_back("a layout has at most 16 factors");
  for (Axis axis : {Axis::n, Axis::k, Axis::e}) check_axis(layout, axis, problems);

  int64_t inner = 1;
  const int group = info(layout.packing).weights_per_group;
  for (auto factor = layout.factors.rbegin(); factor != layout.factors.rend() && inner < group; ++factor) {
    if (factor->modulus == 0 || factor->axis == Axis::b) break;
    inner *= extent(*factor, 1);
  }
  if (problems.empty() && inner % group != 0)
    problems.push_back(fmt::format("the innermost factors must make up whole groups of {} weights for {}",
                                   group, info(layout.packing).name));
  if (layout.alignment < 1 || layout.alignment > 4096 || (layout.alignment & (layout.alignment - 1)) != 0)
    problems.push_back("the alignment must be a power of two of at most 4096");
  return problems;
}

Layout in_fewest_factors(const Layout& layout, int64_t n, int64_t k) {
  Layout fewest = layout;
  for (size_t i = 0; i + 1 < fewest.factors.size();) {
    const Factor outer = fewest.factors[i], inner = fewest.factors[i + 1];
    const Factor both{outer.axis, outer.modulus, inner.divisor};
    const int64_t size = axis_size(outer.axis, n, k);
    Layout merged = fewest;
    merged.factors[i] = both;
    merged.factors.erase(merged.factors.begin() + static_cast<ptrdiff_t>(i) + 1);
    // Where the outer one rounds up, both together may round up less.
    const bool neighbours = outer.axis == inner.axis && outer.divisor == inner.modulus;
    if (neighbours && extent(outer, size) * extent(inner, size) == extent(both, size) &&
        check(merged).empty())
      fewest = std::move(merged);
    else
      ++i;
  }
  return fewest;
}

LayoutMap::LayoutMap(const Layout& layout, int64_t n, int64_t k)
    : packing_(layout.packing),
      k_(k),
      padded_n_(n),
      padded_k_(k),
      positions_(1),
      plane_positions_(weights_per_group()),
      flattened_(false) {
  assert(check(layout).empty());
  for (auto factor = layout.factors.rbegin(); factor != layout.factors.rend(); ++factor) {
    if (factor->axis == Axis::b) {
      plane_positions_ = positions_;
      continue;
    }
    digits_.push_back({*factor, positions_});
    positions_ *= extent(*factor, axis_size(factor->axis, n, k));
    if (factor->axis == Axis::e) flattened_ = true;
    if (factor->modulus != 0) continue;
    if (factor->axis == Axis::n) padded_n_ = round_up(n, factor->divisor);
    if (factor->axis == Axis::k) padded_k_ = round_up(k, factor->divisor);
  }
}

int64_t LayoutMap::share(Axis axis, int64_t coordinate) const {
  int64_t sum = 0;
  for (const Digit& digit : digits_) {
    const Factor& factor = digit.factor;
    if (factor.axis != axis) continue;
    const int64_t rest = factor.modulus == 0 ? coordinate : coordinate % factor.modulus;
    sum += rest / factor.divisor * digit.stride;
  }
  return sum;
}

std::optional<int64_t> LayoutMap::stride(Axis axis, int64_t step, int64_t trips) const {
  if (trips == 1) return 0;
  for (const Digit& digit : digits_) {
    const Factor& factor = digit.factor;
    if (factor.axis == axis && step % factor.divisor == 0 &&
        (factor.modulus == 0 || step * trips <= factor.modulus))
      return step / factor.divisor * digit.stride;
  }
  return std::nullopt;
}

int64_t LayoutMap::along_n(int64_t n) const {
  return share(Axis::n, n);
}
int64_t LayoutMap::along_k(int64_t k) const {
  return share(Axis::k, k);
}

int64_t LayoutMap::position(int64_t n, int64_t k) const {
  return flattened_ ? share(Axis::e, n * k_ + k) : along_n(n) + along_k(k);
}

int64_t LayoutMap::byte_offset(int64_t position) const {
  const int64_t plane = plane_positions_ / weights_per_group();
  return position / plane_positions_ * plane * info(packing_).bytes_per_group +
         position % plane_positions_ / weights_per_group();
}

int LayoutMap::index_in_group(int64_t n, int64_t k) const {
  return static_cast<int>(position(n, k) % weights_per_group());
}

int64_t LayoutMap::size_in_bytes() const {
  return ceil_divide(positions_, weights_per_group()) * info(packing_).bytes_per_group;
}

Layout i2s_layout() {
  return {Packing::b2_high_first, {{Axis::e, 0, 128}, {Axis::e, 32, 1}, {Axis::e, 128, 32}}, 32};
}

Layout i2s_64_layout() {
  return {Packing::b2_high_first, {{Axis::e, 0, 64}, {Axis::e, 16, 1}, {Axis::e, 64, 16}}, 32};
}

Layout plain_layout(Packing packing) {
  const int64_t group = info(packing).weights_per_group;
  if (group == 1) return {packing, {{Axis::n, 0, 1}, {Axis::k, 0, 1}}, 64};
  return {packing, {{Axis::n, 0, 1}, {Axis::k, 0, group}, {Axis::k, group, 1}}, 64};
}

}  // namespace tern::ir
