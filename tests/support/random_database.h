// Databases drawn at random, for tests of what is written and read again.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autotune/records/database.h"
#include "kernels/resize.h"
#include "tests/support/random_kernel.h"

namespace tern::testing {

class DatabaseMaker {
 public:
  explicit DatabaseMaker(uint32_t seed) : random_(seed) {}

  static targets::Target target() { return targets::load_target("generic").take(); }
  static autotune::Provenance provenance() {
    return {"x86_64/Some Vendor/6/143/8",
            {"avx2", "fma"},
            256,
            {{1, 49152, 64, 1}, {3, 34603008, 64, 4}},
            4,
            "19.1.7",
            2};
  }

  autotune::Database make(int records, int choices) {
    autotune::Database database{provenance(), {}, {}, {}};
    autotune::Database drawn = database;
    for (int i = 0; i < choices; ++i) drawn.choices.push_back(choice());
    for (int i = 0; i < records; ++i) drawn.records.push_back(record());
    drawn.threads.push_back({"L30 d2560 f6912 h20/5 v128256", 2, 4, {0, 2, 1, 3}, date()});
    if (random_.coin()) drawn.threads.push_back({text(), 1, 1, {}, date()});
    merge(database, drawn);  // one of each
    return database;
  }

  autotune::Record record() {
    autotune::Record record{conditions(), random_kernel(random_, target_), text(), 0, {}, ""};
    if (random_.coin()) record.predicted_seconds = number();
    if (random_.pick(0, 4) == 0) record.refused = text();
    for (int64_t count = random_.pick(0, 3); count > 0; --count) record.timings.push_back(timing());
    std::ranges::stable_sort(record.timings, {}, &autotune::Timing::date);
    return record;
  }

  autotune::Choice choice() {
    autotune::Choice choice{conditions(), {}, {}, {}, random_.coin(), random_.coin(), date()};
    const ir::Kernel kernel = random_kernel(random_, target_);
    for (int64_t m = random_.pick(1, 3); m < 600; m = 4 * m + random_.pick(0, 3)) {
      choice.kernels.push_back(kernels::resized(kernel, m));
      choice.seconds.push_back(number());
      choice.ratios.push_back(number());
    }
    return choice;
  }

  // Any finite double of either use: short ones, long ones, and far from 1.
  double number() {
    if (random_.coin()) return static_cast<double>(random_.pick(0, 1000)) / 8;
    return std::ldexp(static_cast<double>(random_.pick(1, int64_t{1} << 53)),
                      static_cast<int>(random_.pick(-100, 0)));
  }

  autotune::Timing timing() {
    return {number(),
            number(),
            number(),
            number(),
            static_cast<int>(random_.pick(1, 100)),
            date(),
            number(),
            random_.coin() ? number() : 0};
  }

 private:
  autotune::Conditions conditions() {
    return {random_.coin() ? "host" : "x86-64-v3", static_cast<int>(random_.pick(1, 4))};
  }

  std::string date() {
    return fmt::format("2026-{:02}-{:02}T10:{:02}:00Z", random_.pick(1, 12), random_.pick(1, 28),
                       random_.pick(0, 59));
  }

  // What YAML might mistake for something else.
  std::string text() {
    return random_.choose(std::vector<std::string>{
        "b2 dot", "", "null", "~", " spaces ", "a: b", "# no comment", "--- # kernel", "...\n---\n", "12.5",
        "true", "- item", "{a, b}", "\"quoted\" \\ 'text'", "tab\tand\nline\x01\x7f", "signal 11: été"});
  }

  Random random_;
  targets::Target target_ = target();
};

}  // namespace tern::testing
