#include "kernels/legality_table.h"

#include <gtest/gtest.h>

#include "targets/target.h"
#include "tests/support/golden.h"

namespace tern::kernels {
namespace {

// The page lies with the documents: there it is read.
TEST(GoldenLegalityPage, IsWhatTheCodeSays) {
  std::vector<targets::Target> all;
  for (const std::string& name : targets::target_names()) {
    Expected<targets::Target> target = targets::load_target(name);
    ASSERT_TRUE(target) << target.error().text();
    all.push_back(target.take());
  }
  testing::expect_golden("../../docs/recipes.md", legality_page(all));
}

}  // namespace
}  // namespace tern::kernels
