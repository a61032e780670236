#include "runtime/generate/continuations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

#include "runtime/generate/generate.h"
#include "runtime/generate/logits.h"

namespace tern::runtime {
namespace {

// The characters of Python's str.isspace(), in UTF-8.
constexpr std::array<std::string_view, 29> white_space = {
    "\t",           "\n",           "\v",           "\f",           "\r",
    "\x1c",         "\x1d",         "\x1e",         "\x1f",         " ",
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

// The length of the longest prefix that all continuations have in common, the last token of each left out.
size_t common_prefix(std::span<const Continuation> continuations) {
  const std::vector<uint32_t>& first = continuations[0].tokens;
  size_t common = first.size() - 1;
  for (const Continuation& other : continuations) {
    const size_t most = std::min(common, other.tokens.size() - 1);
    common = static_cast<size_t>(
        std::mismatch(first.begin(), first.begin() + static_cast<ptrdiff_t>(most), other.tokens.begin())
            .first -
        first.begin());
  }
  return common;
}

// Adds what the logits after token `index` of a continuation say of the next, if that is scored.
void add_score(const Continuation& continuation, size_t index, std::span<const float> logits, double norm,
               double& sum) {
  if (index + 1 >= continuation.first_scored && index + 1 < continuation.tokens.size())
    sum += logits[continuation.tokens[index + 1]] - norm;
}

// What a continuation has after the common prefix, in a fork of the sequence.
struct Rest {
  size_t continuation;
  Sequence sequence;
};

// One step of the rests that are not yet read: as many of their tokens as `rows` allows. False if there are
// none.
Expected<bool> step_rests(Engine& engine, std::span<const Continuation> continuations,
                          std::vector<Rest>& rests, StepPace& pace, std::span<double> sums) {
  size_t room = pace.rows();
  std::vector<SequenceTokens> batch;
  std::vector<size_t> owners;
  for (Rest& rest : rests) {
    const Continuation& whole = continuations[rest.continuation];
    const size_t at = rest.sequence.length(), left = whole.tokens.size() - 1 - at;
    const size_t count = std::min(left, room);
    if (count == 0) continue;
    batch.push_back(
        {&rest.sequence, std::span(whole.tokens).subspan(at, count), at + count >= whole.first_scored});
    owners.push_back(rest.continuation);
    room -= count;
  }
  if (batch.empty()) return false;
  std::vector<size_t> begins;
  for (const SequenceTokens& part : batch) begins.push_back(part.sequence->length());
  const auto start = std::chrono::steady_clock::now();
  TERN_ASSIGN(const Logits logits, engine.step(batch));
  pace.ran(pace.rows() - room,
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  size_t row = 0;
  for (size_t part = 0; part < batch.size(); ++part) {
    if (!batch[part].all_logits) {
      ++row;
      continue;
    }
    for (size_t i = 0; i < batch[part].tokens.size(); ++i, ++row) {
      if (!all_finite(logits[row])) return Error{"the logits are not finite: the model is broken", {}};
      add_score(continuations[owners[part]], begins[part] + i, logits[row], log_sum_exp(logits[row]),
                sums[owners[part]]);
    }
  }
  return true;
}

}  // namespace

size_t white_space_at_end(std::string_view text) {
  const size_t whole = text.size();
  const auto at_end = [&](std::string_view space) { return text.ends_with(space); };
  for (auto space = white_space.begin();
       (space = std::find_if(white_space.begin(), white_space.end(), at_end)) != white_space.end();)
    text.remove_suffix(space->size());
  return whole - text.size();
}

size_t white_space_at_begin(std::string_view text) {
  const size_t whole = text.size();
  const auto at_begin = [&](std::string_view space) { return text.starts_with(space); };
  for (auto space = white_space.begin();
       (space = std::find_if(white_space.begin(), white_space.end(), at_begin)) != white_space.end();)
    text.remove_prefix(space->size());
  return whole - text.size();
}

Expected<Continuation> encode_continuation(const Tokenizer& tokenizer, std::string_view context,
                                           std::string_view continuation,
                                           std::optional<uint32_t> end_of_text) {
  Continuation result;
  // The harness encodes an empty context by itself, and one of white space alone as the empty text that is
  // left.
  if (context.empty()) {
    const std::optional<uint32_t> prefix =
        tokenizer.beginning_of_text() ? tokenizer.beginning_of_text() : end_of_text;
    if (!prefix) return Error{"the context is empty, and the model has no token to begin with", {}};
    result.tokens = tokenizer.encode(continuation, true);
    if (result.tokens.empty() || result.tokens.front() != *prefix)
      result.tokens.insert(result.tokens.begin(), *prefix);
  } else {
    const std::string whole = std::string(context) + std::string(continuation);
    context.remove_suffix(white_space_at_end(context));
    result.tokens = tokenizer.encode_from_beginning(whole, true);
    result.first_scored = tokenizer.encode_from_beginning(context, true).size();
  }
  if (result.first_scored == 0)
    return Error{"the context is empty, and the model puts no token in front of a text", {}};
  if (result.first_scored >= result.tokens.size())
    return Error{"a choice has no token of its own to score", {}};
  return result;
}

Status keep_end(Continuation& continuation, size_t context) {
  std::vector<uint32_t>& tokens = continuation.tokens;
  const size_t scored = tokens.size() - continuation.first_scored;
  if (scored > context)
    return Error{fmt::format("a choice has {} tokens, more than the context of {} holds", scored, context),
                 {}};
  if (tokens.size() <= context + 1) return {};
  const size_t dropped = tokens.size() - (context + 1);
  tokens.erase(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(dropped));
  continuation.first_scored -= dropped;
  return {};
}

Expected<Sequence> make_sequence_for(const Engine& engine,
                                     std::span<const std::vector<Continuation>> continuations) {
  TERN_ASSIGN(const std::shared_ptr<PagePool> smallest, engine.make_pool(1));
  const PageShape& shape = smallest->shape();
  size_t longest = 1, most_pages = 1;
  for (const std::vector<Continuation>& several : continuations) {
    const size_t common = common_prefix(several);
    size_t pages = pages_for(shape, common);
    for (const Continuation& one : several) {
      longest = std::max(longest, one.tokens.size());
      pages += pages_for(shape, one.tokens.size() - 1) - common / shape.positions;
    }
    most_pages = std::max(most_pages, pages);
  }
  TERN_ASSIGN(std::shared_ptr<PagePool> pool, engine.make_pool(most_pages * shape.positions));
  return Sequence(std::move(pool), longest);
}

Expected<std::optional<std::vector<double>>> score_continuations(Engine& engine, Sequence& sequence,
                                                                 std::span<const Continuation> continuations,
                                                                 StepPace& pace,
                                                                 const KeepGoing& keep_going) {
  using Scores = std::optional<std::vector<double>>;
  const size_t common = common_prefix(continuations);
  const std::span<const uint32_t> prefix = std::span(continuations[0].tokens).first(common);
  size_t first_logits = std::numeric_limits<size_t>::max();
  for (const Continuation& one : continuations) {
    TERN_TRY(check_tokens(engine, one.tokens));
    first_logits = std::min(first_logits, one.first_scored - 1);
  }
  std::vector<double> sums(continuations.size());

  const auto held = sequence.tokens();
  const size_t same = static_cast<size_t>(std::ranges::mismatch(held, prefix).in1 - held.begin());
  sequence.truncate(std::min(same, first_logits));
  const size_t kept = sequence.length();
  const Reader reader{&engine, &sequence};
  const OnLogits score = [&](size_t index, std::span<const std::span<const float>> logits) {
    const double norm = log_sum_exp(logits[0]);
    for (size_t i = 0; i < continuations.size(); ++i)
      add_score(continuations[i], kept + index, logits[0], norm, sums[i]);
  };
  TERN_ASSIGN(const bool whole,
              read_tokens({&reader, 1}, prefix.subspan(kept), first_logits - kept, pace, score, keep_going));
  if (!whole) return Scores();

  std::vector<Rest> rests;
  for (size_t i = 0; i < continuations.size(); ++i) {
    if (continuations[i].tokens.size() - 1 <= common) continue;
    TERN_ASSIGN(Sequence fork, sequence.fork(common));
    rests.push_back({i, std::move(fork)});
  }
  while (true) {
    TERN_ASSIGN(const bool stepped, step_rests(engine, continuations, rests, pace, sums));
    if (!stepped) return Scores(std::move(sums));
    if (keep_going && !keep_going()) return Scores();
  }
}

}  // namespace tern::runtime
