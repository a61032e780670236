#include "serve/scheduler/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <set>

#include "base/counter_random.h"

namespace tern::serve {
namespace {

constexpr runtime::PageShape shape{.layers = 1, .kv_heads = 1, .head_dimension = 16, .positions = 32};

// Stands for a model: a page holds the token of each of its positions, and the next token is a hash of all
// that the pages of a sequence hold. So a page that is shared wrongly, or written to by two, changes what
// follows.
void store(const StepPart& part) {
  size_t position = part.sequence->length();
  for (const uint32_t token : part.tokens) {
    std::byte* page = part.sequence->pages()[position / shape.positions];
    std::memcpy(page + position % shape.positions * sizeof token, &token, sizeof token);
    ++position;
  }
  part.sequence->extend(part.tokens);
}

uint32_t next_token(const runtime::Sequence& sequence) {
  uint64_t state = 1;
  for (size_t position = 0; position < sequence.length(); ++position) {
    uint32_t token;
    std::memcpy(&token,
                sequence.pages()[position / shape.positions] + position % shape.positions * sizeof token,
                sizeof token);
    state = mix(state + token);
  }
  return static_cast<uint32_t>(state % 1000);
}

// The tokens that follow a prompt when it is alone.
std::vector<uint32_t> alone(const std::vector<uint32_t>& prompt, size_t count) {
  std::vector<uint32_t> tokens = prompt;
  for (size_t i = 0; i < count; ++i) {
    uint64_t state = 1;
    for (const uint32_t token : tokens) state = mix(state + token);
    tokens.push_back(static_cast<uint32_t>(state % 1000));
  }
  return {tokens.end() - static_cast<ptrdiff_t>(count), tokens.end()};
}

std::vector<uint32_t> prompt_of(uint32_t seed, size_t length) {
  std::vector<uint32_t> tokens;
  for (size_t i = 0; i < length; ++i) tokens.push_back(static_cast<uint32_t>(mix(seed * 1000 + i) % 1000));
  return tokens;
}

struct Box {
  explicit Box(SchedulerOptions options, size_t pages = 64)
      : pool(runtime::PagePool::make(shape, pages).take()), scheduler(pool, options) {}

  std::optional<Refusal> submit(RequestId id, std::vector<uint32_t> prompt, size_t tokens,
                                const std::string& client = "one") {
    wanted[id] = tokens;
    return scheduler.submit(id, {client, std::move(prompt), tokens}, now);
  }

  // One turn; returns the step's (id, tokens).
  std::vector<std::pair<RequestId, size_t>> turn(double seconds = 0.01) {
    const Step step = scheduler.step(now);
    std::vector<std::pair<RequestId, size_t>> ran;
    std::set<const runtime::Sequence*> sequences;
    size_t rows = 0;
    for (const StepPart& part : step.parts) {
      EXPECT_TRUE(sequences.insert(part.sequence).second);
      EXPECT_FALSE(part.tokens.empty());
      rows += part.tokens.size();
      ran.emplace_back(part.id, part.tokens.size());
      store(part);
    }
    EXPECT_LE(rows, scheduler.options().max_rows);
    now += seconds;
    scheduler.computed(step, seconds);
    for (const Step::Expired& each : step.expired) expired.push_back(each.id);
    for (const StepPart& part : step.parts) {
      if (!part.gives_token) continue;
      reused[part.id] = part.reused_tokens;
      std::vector<uint32_t>& tokens = got[part.id];
      tokens.push_back(next_token(*part.sequence));
      if (tokens.size() == wanted[part.id])
        scheduler.finish(part.id, now);
      else
        scheduler.append(part.id, tokens.back());
    }
    return ran;
  }

  void run() {
    for (int turns = 0; !scheduler.empty(); ++turns) {
      ASSERT_LT(turns, 100000) << "it gets nowhere";
      ASSERT_FALSE(turn().empty());
    }
  }

  double now = 0;
  std::shared_ptr<runtime::PagePool> pool;
  Scheduler scheduler;
  std::map<RequestId, size_t> wanted, reused;
  std::map<RequestId, std::vector<uint32_t>> got;
  std::vector<RequestId> expired;
};

using Ran = std::vector<std::pair<RequestId, size_t>>;

TEST(Scheduler, PromptsGoInChunksBesideWhoWaitsForATokens) {
  Box box({.context = 1024, .max_rows = 64, .latency_target = 0});
  box.submit(1, prompt_of(1, 10), 5);
  EXPECT_EQ(box.turn(), (Ran{{1, 10}}));
  box.submit(2, prompt_of(2, 100), 2);
  EXPECT_EQ(box.turn(), (Ran{{1, 1}, {2, 63}}));
  EXPECT_EQ(box.turn(), (Ran{{1, 1}, {2, 37}}));
  EXPECT_EQ(box.turn(), (Ran{{1, 1}, {2, 1}}));
  EXPECT_EQ(box.turn(), (Ran{{1, 1}}));
  EXPECT_TRUE(box.turn().empty());
  EXPECT_TRUE(box.scheduler.empty());
  EXPECT_EQ(box.got[1], alone(prompt_of(1, 10), 5));
  EXPECT_EQ(box.got[2], alone(prompt_of(2, 100), 2));
}

TEST(Scheduler, ChunksShrinkUntilStepsKeepTheTarget) {
  Box box({.context = 1024, .max_rows = 256, .latency_target = 0.1}, 256);
  box.submit(1, prompt_of(1, 4), 200);
  box.turn();
  for (RequestId id = 2; id < 6; ++id) box.submit(id, prompt_of(static_cast<uint32_t>(id), 900), 1);
  std::vector<size_t> chunks;
  for (int i = 0; i < 40; ++i) {
    // A row takes 4 ms: 25 rows take as long as a step may.
    const Step step = box.scheduler.step(box.now);
    size_t rows = 0;
    for (const StepPart& part : step.parts) {
      rows += part.tokens.size();
      store(part);
    }
    box.scheduler.computed(step, 0.004 * static_cast<double>(rows));
    for (const StepPart& part : step.parts) {
      if (part.gives_token) box.scheduler.append(part.id, 1);
    }
    chunks.push_back(rows - 1);
  }
  EXPECT_EQ(chunks.front(), 64u);
  for (size_t i = 10; i < chunks.size(); ++i) {
    EXPECT_GE(chunks[i], 22u);
    EXPECT_LE(chunks[i], 27u);
  }
}

TEST(Scheduler, ClientsShareTheMachineEvenly) {
  Box box({.context = 1024, .max_rows = 32, .max_sequences = 8, .latency_target = 0});
  for (RequestId id = 1; id <= 6; ++id)
    box.submit(id, prompt_of(static_cast<uint32_t>(id), 320), 1, "greedy");
  for (int i = 0; i < 5; ++i) box.turn();
  box.submit(7, prompt_of(7, 320), 1, "modest");
  // From now on each second chunk is the modest client's.
  size_t modest = 0;
  for (int i = 0; i < 20; ++i) {
    for (const auto& [id, tokens] : box.turn()) modest += id == 7 ? tokens : 0;
  }
  EXPECT_EQ(modest, 320u);
  EXPECT_EQ(box.got.count(7), 1u);
}

TEST(Scheduler, AClientWithManyRequestsKeepsNoOtherFromBeginning) {
  Box box({.context = 256, .max_rows = 64, .max_sequences = 2, .latency_target = 0});
  for (RequestId id = 1; id <= 10; ++id) box.submit(id, prompt_of(static_cast<uint32_t>(id), 8), 4, "greedy");
  box.turn();
  box.submit(11, prompt_of(11, 8), 4, "modest");
  for (int i = 0; i < 5; ++i) box.turn();
  EXPECT_EQ(box.got.count(11), 1u) << "it takes the next place that is free";
}

TEST(Scheduler, BeginningsAreSharedAndChangeNothing) {
  Box box({.context = 1024, .max_rows = 128, .latency_target = 0});
  std::vector<uint32_t> history = prompt_of(1, 200);
  box.submit(1, history, 30);
  box.run();
  history.insert(history.end(), box.got[1].begin(), box.got[1].end());
  const std::vector<uint32_t> more = prompt_of(2, 20);
  history.insert(history.end(), more.begin(), more.end());
  box.submit(2, history, 10);
  box.submit(3, history, 10);
  box.run();
  EXPECT_EQ(box.reused[1], 0u);
  EXPECT_EQ(box.reused[2], 224u) << "229 tokens were computed: 7 whole pages";
  EXPECT_EQ(box.got[2], alone(history, 10));
  EXPECT_EQ(box.got[3], box.got[2]);
  // A prompt that is known to its end computes its last page again, for the logits.
  const std::vector<uint32_t> whole(history.begin(), history.begin() + 192);
  box.submit(4, whole, 1);
  box.run();
  EXPECT_EQ(box.reused[4], 160u);
  EXPECT_EQ(box.got[4], alone(whole, 1));
}

TEST(Scheduler, PreemptionLosesNothing) {
  // Four sequences of up to 160 tokens in 9 pages of 32.
  Box box({.context = 256, .max_rows = 64, .max_sequences = 4, .latency_target = 0}, 9);
  for (RequestId id = 1; id <= 4; ++id) box.submit(id, prompt_of(static_cast<uint32_t>(id), 30), 130);
  box.run();
  EXPECT_GT(box.scheduler.counts().preemptions, 0u);
  for (RequestId id = 1; id <= 4; ++id)
    EXPECT_EQ(box.got[id], alone(prompt_of(static_cast<uint32_t>(id), 30), 130)) << id;
}

TEST(Scheduler, RefusesWithAReason) {
  Box box({.context = 64, .max_rows = 32, .max_sequences = 1, .max_waiting = 2, .max_wait_seconds = 10});
  const auto reason = [](const std::optional<Refusal>& refusal) { return refusal.value().reason; };
  EXPECT_EQ(reason(box.submit(1, prompt_of(1, 60), 5)), RefusalReason::too_long);
  EXPECT_EQ(reason(box.submit(1, prompt_of(1, 60), SIZE_MAX)), RefusalReason::too_long);
  EXPECT_FALSE(box.submit(1, prompt_of(1, 60), 4));
  EXPECT_FALSE(box.submit(2, prompt_of(2, 10), 4));
  const std::optional<Refusal> full = box.submit(3, prompt_of(3, 10), 4);
  EXPECT_EQ(reason(full), RefusalReason::queue_full);
  EXPECT_GE(full->retry_after, 1);
  box.turn(11);
  box.turn();
  EXPECT_THAT(box.expired, testing::ElementsAre(2)) << "the first had begun";
  box.scheduler.drain();
  EXPECT_EQ(reason(box.submit(4, prompt_of(3, 10), 4)), RefusalReason::draining);
  box.run();
  EXPECT_EQ(box.got[1].size(), 4u);
}

TEST(Scheduler, CancelledRequestsAreGoneAtOnce) {
  Box box({.context = 512, .max_rows = 32, .max_sequences = 1, .reuse_prefixes = false});
  box.submit(1, prompt_of(1, 100), 4);
  box.submit(2, prompt_of(2, 10), 4);
  EXPECT_EQ(box.turn(), (Ran{{1, 32}}));
  box.scheduler.cancel(1);
  EXPECT_EQ(box.pool->free_pages(), 64u);
  EXPECT_EQ(box.turn(), (Ran{{2, 10}}));
  box.scheduler.cancel(2);
  box.scheduler.cancel(77);
  EXPECT_TRUE(box.scheduler.empty());
}

// Whatever is submitted and cancelled, with too few pages and with enough: who is not cancelled gets the
// tokens of the same prompt alone.
TEST(Scheduler, RandomCrowdsChangeNoToken) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint32_t bound) { return random() % bound; };
    const size_t context = 64 + 32 * below(6);
    Box box({.context = context,
             .max_rows = 8 + below(80),
             .max_sequences = 1 + below(8),
             .max_waiting = 1000,
             .latency_target = below(2) ? 0.02 : 0,
             .reuse_prefixes = below(4) != 0},
            context / 32 + 1 + below(12));
    std::map<RequestId, std::vector<uint32_t>> prompts;
    std::set<RequestId> cancelled;
    RequestId next = 1;
    for (int turn = 0; turn < 300; ++turn) {
      if (below(3) == 0 && next < 60) {
        std::vector<uint32_t> prompt = prompt_of(below(3), 1 + below(static_cast<uint32_t>(context) - 20));
        if (below(2)) prompt.back() = below(1000);
        const std::string client(1, static_cast<char>('a' + below(3)));
        ASSERT_FALSE(box.submit(next, prompt, 1 + below(20), client));
        prompts[next++] = prompt;
      }
      if (below(20) == 0 && next > 1) {
        const RequestId id = 1 + below(static_cast<uint32_t>(next) - 1);
        box.scheduler.cancel(id);
        cancelled.insert(id);
      }
      box.turn();
    }
    box.run();
    for (const auto& [id, prompt] : prompts) {
      const std::vector<uint32_t> right = alone(prompt, box.wanted[id]);
      if (cancelled.contains(id))
        EXPECT_TRUE(std::equal(box.got[id].begin(), box.got[id].end(), right.begin()));
      else
        EXPECT_EQ(box.got[id], right) << "seed " << seed << ", request " << id;
    }
    const SchedulerCounts counts = box.scheduler.counts();
    EXPECT_EQ(counts.free_pages + counts.cached_pages, counts.pages);
    EXPECT_EQ(counts.waiting + counts.running, 0u);
  }
}

}  // namespace
}  // namespace tern::serve
