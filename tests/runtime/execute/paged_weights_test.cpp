// Models whose weights are larger than memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/execute/engine.h"
#include "runtime/model/synth.h"
#include "targets/host.h"
#include "tests/support/temporary_file.h"

namespace tern::runtime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PagedWeights : public ::testing::TestWithParam<std::string> {
 protected:
  Expected<std::unique_ptr<Engine>> load(uint64_t left, const std::filesystem::path& pages) {
    const std::string file = folder_ / "model.gguf";
    EXPECT_TRUE(synthesize_model(file, *find_synth_shape(GetParam()), {.seed = 7}));
    TERN_ASSIGN(const targets::Target host, targets::find_runnable_target("host"));
    TERN_ASSIGN(KernelSource kernels, jit_kernels(host, std::nullopt));
    EngineOptions options;
    options.kernels = std::move(kernels);
    options.threads = EngineThreads(2);
    options.model = file;
    options.supply.machine = left;
    options.page_folder = pages;
    options.warn = [this](const std::string& text) { warnings_.push_back(text); };
    return Engine::load(options);
  }

  std::vector<float> logits_of(Engine& engine) {
    Sequence sequence = engine.make_sequence(16).take();
    const std::vector<uint32_t> prompt = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    EXPECT_TRUE(engine.append(sequence, std::span(prompt).first(8)));
    const Logits logits = engine.append(sequence, std::span(prompt).last(1)).take();
    return {logits[0].begin(), logits[0].end()};
  }

  TemporaryFolder folder_;
  std::vector<std::string> warnings_;
};

// The file has no name, so that nothing is left of it whatever ends the process.
TEST_P(PagedWeights, GiveTheSameBits) {
  const TemporaryFolder pages;
  auto paged = load(1000, pages.path());
  if (!paged && paged.error().text().find("is kept in memory itself") != std::string::npos)
    GTEST_SKIP() << "no disk: " << paged.error().text();
  ASSERT_TRUE(paged) << paged.error().text();
  EXPECT_TRUE((*paged)->plan().is_paged());
  EXPECT_THAT(warnings_, ElementsAre(AllOf(HasSubstr("the weights take 0.0"),
                                           HasSubstr("0.00 GB are left on this machine"),
                                           HasSubstr(pages.path().string()))));
  EXPECT_EQ(pages.entries(), 0u);

  auto whole = load(uint64_t{1} << 40, pages.path());
  ASSERT_TRUE(whole) << whole.error().text();
  EXPECT_FALSE((*whole)->plan().is_paged());
  EXPECT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(logits_of(**paged), logits_of(**whole));
}

TEST_P(PagedWeights, NeedAFolder) {
  const std::string file = folder_ / "no folder";
  std::ofstream(file) << "text";
  const auto paged = load(1000, file);
  ASSERT_FALSE(paged);
  EXPECT_EQ(paged.error().kind, ErrorKind::machine);
  EXPECT_THAT(paged.error().text(), HasSubstr("folder for pages " + file + ": cannot be made: "));
}

INSTANTIATE_TEST_SUITE_P(Families, PagedWeights, ::testing::Values("tiny-qwen3", "tiny-maple"),
                         [](const auto& of) { return of.param.substr(5); });

}  // namespace
}  // namespace tern::runtime
