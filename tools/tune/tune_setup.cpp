#include "tools/tune/tune_setup.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "kernels/row_buckets.h"

namespace tern::tools {
namespace {

// Reads a number and moves past it; false if there is none.
template <class T>
bool take_number(std::string_view& text, T& value) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}
bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

const kernels::RowBuckets& all_buckets() {
  static const kernels::RowBuckets buckets = kernels::RowBuckets::up_to(4096);
  return buckets;
}

}  // namespace

Expected<std::vector<autotune::Use>> parse_uses(const std::string& text) {
  std::vector<autotune::Use> uses;
  std::string_view rest = text;
  int64_t before = 0;
  do {
    autotune::Use use;
    if (!take_number(rest, use.m) || !take(rest, ':') || !take_number(rest, use.calls) || use.m < 1 ||
        use.m > all_buckets().max() || !(use.calls > 0) || !(use.calls < 1e9))
      return Error{fmt::format("--use: '{}' is no list of rows and calls such as {}", text, usual_uses), {}};
    if (use.m <= std::exchange(before, use.m))
      return Error{fmt::format("--use: '{}' must have ascending numbers of rows", text), {}};
    use.m = all_buckets().bucket_for(use.m);
    if (!uses.empty() && uses.back().m == use.m)
      uses.back().calls += use.calls;
    else
      uses.push_back(use);
  } while (take(rest, ','));
  if (!rest.empty())
    return Error{fmt::format("--use: '{}' is no list of rows and calls such as {}", text, usual_uses), {}};
  return uses;
}

Expected<ir::Problem> parse_shape(const std::string& text) {
  std::string_view rest = text;
  ir::Problem problem = ir::matmul(1, 0, 0, {ir::Element::trit, ir::Scaling::tensor});
  constexpr int64_t largest = int64_t{1} << 20;
  if (!take_number(rest, problem.n) || !take(rest, 'x') || !take_number(rest, problem.k) || !rest.empty() ||
      problem.n < 1 || problem.k < 1 || problem.n > largest || problem.k > largest)
    return Error{fmt::format("'{}' is no shape: outputs x inputs, such as 2560x6912", text), {}};
  return problem;
}

}  // namespace tern::tools
