#include "includes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace tern::house {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

// A source tree of one file, gone with the test.
class Tree {
 public:
  Tree(const fs::path& file, std::string_view text)
      : root_(fs::path(testing::TempDir()) / ("tern_house_" + std::to_string(getpid()))) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  ~Tree() { fs::remove_all(root_); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

std::vector<std::string> find_in(const fs::path& file, std::string_view text) {
  return find_forbidden_includes(Tree(file, text).root());
}

TEST(Includes, OfThisSourceTreeKeepTheRules) {
  EXPECT_THAT(find_forbidden_includes(TERN_SOURCE_DIR), IsEmpty());
}

TEST(Includes, UpwardsIsForbidden) {
  EXPECT_THAT(find_in("ir/verify.cpp", "#include <vector>\n\n#include \"targets/target.h\"\n"),
              ElementsAre("ir/verify.cpp:3: includes targets/target.h: targets/ lies above ir/"));
  EXPECT_THAT(
      find_in("codegen/x86/ops.h", "  #  include \"runtime/model/model.h\"  // why not\n"),
      ElementsAre("codegen/x86/ops.h:1: includes runtime/model/model.h: runtime/ lies above codegen/"));
  EXPECT_THAT(
      find_in("runtime/model/model.cpp", "#include \"tests/support/matmul_case.h\"\n"),
      ElementsAre("runtime/model/model.cpp:1: includes tests/support/matmul_case.h: tests/ is no floor"));
}

TEST(Includes, RoomsOfAFloorHaveAnOrder) {
  EXPECT_THAT(
      find_in("autotune/measure/race.cpp",
              "#include \"autotune/measure/race.h\"\n#include \"autotune/search/tune.h\"\n"),
      ElementsAre("autotune/measure/race.cpp:2: includes autotune/search/tune.h: autotune/search lies "
                  "above autotune/measure"));
  EXPECT_THAT(find_in("ir/half.cpp", "#include \"ir/kernel/kernel.h\"\n"),
              ElementsAre("ir/half.cpp:1: includes ir/kernel/kernel.h: ir/kernel lies above ir/"));
  EXPECT_THAT(
      find_in("autotune/attic/chest.cpp", "#include \"autotune/measure/race.h\"\n"),
      ElementsAre("autotune/attic/chest.cpp:1: includes autotune/measure/race.h: autotune/attic has no "
                  "row in tests/house/includes.cpp"));
  EXPECT_THAT(find_in("codegen/emit/x86/vector_ops.cpp", "#include \"codegen/jit/jit.h\"\n").size(), 1u);
  EXPECT_THAT(find_in("codegen/emit/x86/vector_ops.cpp",
                      "#include \"codegen/emit/emitter.h\"\n#include \"codegen/lower/lower.h\"\n"),
              IsEmpty());
  EXPECT_THAT(find_in("tools/run.cpp", "#include \"tools/options/process.h\"\n"), IsEmpty());
  EXPECT_THAT(find_in("tools/options/process.cpp", "#include \"tools/commands.h\"\n").size(), 1u);
}

TEST(Includes, DownwardsIsAllowed) {
  EXPECT_THAT(find_in("runtime/execute/plan.cpp",
                      "#include \"runtime/model/model.h\"\n#include \"autotune/records/database.h\"\n"
                      "#include \"codegen/jit/jit.h\"\n#include \"ir/kernel/kernel.h\"\n"),
              IsEmpty());
  EXPECT_THAT(find_in("tests/ir/kernel/pack_test.cpp",
                      "#include \"tests/support/a.h\"\n#include \"beside.h\"\n"
                      "#include \"tools/commands.h\"\n"),
              IsEmpty());
}

TEST(Includes, StrangersStayAtTheDoor) {
  EXPECT_THAT(find_in("tools/asm.cpp", "#include <llvm/IR/Module.h>\n"),
              ElementsAre("tools/asm.cpp:1: includes llvm/IR/Module.h: that library is not for this file"));
  EXPECT_THAT(find_in("runtime/math/rows.cpp", "#include <immintrin.h>\n"),
              ElementsAre("runtime/math/rows.cpp:1: includes immintrin.h: that library has no row in "
                          "tests/house/includes.cpp"));
  EXPECT_THAT(find_in("ir/kernel/pack.cpp", "#include <sys/mman.h>\n").size(), 1u);
  EXPECT_THAT(find_in("targets/target.cpp", "#include <yaml-cpp/yaml.h>\n").size(), 1u);
  EXPECT_THAT(find_in("codegen/emit/emit.cpp", "#include \"hwy/highway.h\"\n").size(), 1u);
}

TEST(Includes, StrangersMayComeWhereTheyHaveARow) {
  EXPECT_THAT(find_in("targets/target_yaml.cpp", "#include <yaml-cpp/yaml.h>\n"), IsEmpty());
  EXPECT_THAT(find_in("codegen/x86/ops.cpp", "#include <llvm/IR/Module.h>\n"), IsEmpty());
  EXPECT_THAT(find_in("runtime/math/rows.cpp", "#include \"hwy/highway.h\"\n#include <sys/mman.h>\n"),
              IsEmpty());
}

TEST(Includes, InCommentsAndStringsAreNone) {
  EXPECT_THAT(find_in("ir/text.cpp", "// #include \"tools/commands.h\"\nauto s = \"#include <llvm/x.h>\";\n"),
              IsEmpty());
}

}  // namespace
}  // namespace tern::house
