#include "tools/bench/profile_text.h"

#include <fmt/format.h>

namespace tern::tools {
namespace {

struct Totals {
  double work = 0, wait = 0;  // seconds, of all threads
};

Totals totals_of(const std::vector<runtime::StepProfile::Row>& rows) {
  Totals totals;
  for (const runtime::StepProfile::Row& row : rows) {
    totals.work += row.work_seconds;
    totals.wait += row.wait_seconds;
  }
  return totals;
}

// Of the threads' time, what they spent waiting: 0 to 1.
double waiting_share(const Totals& totals) {
  return totals.wait > 0 ? totals.wait / (totals.work + totals.wait) : 0;
}

}  // namespace

std::string print_profile(const ProfiledTest& test) {
  const std::vector<runtime::StepProfile::Row> rows = test.profile.rows();
  const Totals totals = totals_of(rows);
  const double a_token = static_cast<double>(test.threads) * static_cast<double>(test.tokens);
  std::string text = fmt::format("\n{} on {} thread{}: {:.1f} us a token in steps, {:.1f}% of it waiting\n\n",
                                 test.test, test.threads, test.threads == 1 ? "" : "s",
                                 1e6 * (totals.work + totals.wait) / a_token, 100 * waiting_share(totals));
  text += "| step                                | a token | work us | wait us | of all |\n";
  text += "| ----------------------------------- | ------: | ------: | ------: | -----: |\n";
  for (const runtime::StepProfile::Row& row : rows)
    text += fmt::format("| {:<35} | {:>7.2f} | {:>7.1f} | {:>7.1f} | {:>5.1f}% |\n", row.label,
                        static_cast<double>(row.steps) / static_cast<double>(test.tokens),
                        1e6 * row.work_seconds / a_token, 1e6 * row.wait_seconds / a_token,
                        100 * (row.work_seconds + row.wait_seconds) / (totals.work + totals.wait));
  return text;
}

nlohmann::json profile_json(const ProfiledTest& test) {
  const std::vector<runtime::StepProfile::Row> rows = test.profile.rows();
  const double a_token = static_cast<double>(test.threads) * static_cast<double>(test.tokens);
  nlohmann::json steps = nlohmann::json::array();
  for (const runtime::StepProfile::Row& row : rows)
    steps.push_back({{"step", row.label},
                     {"per_token", static_cast<double>(row.steps) / static_cast<double>(test.tokens)},
                     {"work_seconds", row.work_seconds / a_token},
                     {"wait_seconds", row.wait_seconds / a_token}});
  return {{"waiting_share", waiting_share(totals_of(rows))}, {"steps", std::move(steps)}};
}

}  // namespace tern::tools
