#include "tools/tune/tune_setup.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "kernels/row_buckets.h"

namespace tern::tools {
namespace {

// Reads a number and moves past it; false if there is none.
template <class T>
bool accept_number(std::string_view& text, T& value) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}
bool accept(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

const kernels::RowBuckets& all_buckets() {
  static const kernels::RowBuckets buckets = kernels::RowBuckets::up_to(4096);
  return buckets;
}

}  // namespace

Expected<std::vector<autotune::Demand>> parse_demands(const std::string& text) {
  std::vector<autotune::Demand> demands;
  std::string_view rest = text;
  int64_t before = 0;
  do {
    autotune::Demand demand;
    if (!accept_number(rest, demand.m) || !accept(rest, ':') || !accept_number(rest, demand.calls) ||
        demand.m < 1 || demand.m > all_buckets().max() || !(demand.calls > 0) || !(demand.calls < 1e9))
      return Error{fmt::format("--use: '{}' is no list of rows and calls such as {}", text, default_demands),
                   {}};
    if (demand.m <= std::exchange(before, demand.m))
      return Error{fmt::format("--use: '{}' must have ascending numbers of rows", text), {}};
    demand.m = all_buckets().bucket_for(demand.m);
    if (!demands.empty() && demands.back().m == demand.m)
      demands.back().calls += demand.calls;
    else
      demands.push_back(demand);
  } while (accept(rest, ','));
  if (!rest.empty())
    return Error{fmt::format("--use: '{}' is no list of rows and calls such as {}", text, default_demands),
                 {}};
  return demands;
}

Expected<ir::Problem> parse_shape(const std::string& text) {
  std::string_view rest = text;
  ir::Problem problem = ir::matmul(1, 0, 0, {ir::Element::trit, ir::Scaling::tensor});
  constexpr int64_t largest = int64_t{1} << 20;
  if (!accept_number(rest, problem.n) || !accept(rest, 'x') || !accept_number(rest, problem.k) ||
      !rest.empty() || problem.n < 1 || problem.k < 1 || problem.n > largest || problem.k > largest)
    return Error{fmt::format("'{}' is no shape: outputs x inputs, such as 2560x6912", text), {}};
  return problem;
}

}  // namespace tern::tools
