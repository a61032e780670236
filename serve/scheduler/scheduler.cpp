#include "serve/scheduler/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <unordered_set>

namespace tern::serve {
namespace {

constexpr size_t first_chunk = 64, least_chunk = 8;

}  // namespace

Scheduler::Scheduler(std::shared_ptr<runtime::PagePool> pool, SchedulerOptions options)
    : pool_(std::move(pool)),
      options_(options),
      prefixes_(pool_->shape().positions),
      chunk_(options.latency_target > 0 ? std::min(first_chunk, options.max_rows) : options.max_rows) {
  assert(runtime::pages_for(pool_->shape(), options_.context) <= pool_->pages());
  assert(options_.max_sequences >= 1 && options_.max_sequences <= options_.max_rows);
  if (pool_->state_size() > 0) options_.reuse_prefixes = false;
}

double Scheduler::retry_after() const {
  const double turns = static_cast<double>(waiting_ + 1) / static_cast<double>(options_.max_sequences);
  return std::clamp(std::ceil(turns * mean_seconds_), 1.0, 600.0);
}

std::optional<Refusal> Scheduler::submit(RequestId id, Request request, double now) {
  assert(!request.prompt.empty() && request.max_tokens > 0 && !by_id_.contains(id));
  if (draining_) return Refusal{RefusalReason::draining, "the server is shutting down", retry_after()};
  const size_t wanted = request.prompt.size() + request.max_tokens;
  if (wanted > options_.context || wanted < request.max_tokens)
    return Refusal{
        RefusalReason::too_long,
        fmt::format("the prompt has {} tokens and {} are to be generated, but the context holds {}",
                    request.prompt.size(), request.max_tokens, options_.context)};
  if (waiting_ >= options_.max_waiting)
    return Refusal{RefusalReason::queue_full, fmt::format("{} requests are waiting already", waiting_),
                   retry_after()};
  Entry entry;
  entry.id = id;
  entry.client = std::move(request.client);
  entry.prompt_tokens = request.prompt.size();
  entry.tokens = std::move(request.prompt);
  entry.max_tokens = request.max_tokens;
  entry.submitted = now;
  const auto placed = entries_.insert(entries_.end(), std::move(entry));
  by_id_[id] = placed;
  const auto [client, is_new] = clients_.try_emplace(placed->client);
  if (is_new) client->second.served = floor_;
  client->second.waiting.push_back(placed);
  ++waiting_;
  return std::nullopt;
}

void Scheduler::forget_client_if_idle(const std::string& name) {
  const auto found = clients_.find(name);
  if (found->second.running == 0 && found->second.waiting.empty() &&
      std::ranges::none_of(preempted_, [&](auto entry) { return entry->client == name; }))
    clients_.erase(found);
}

void Scheduler::cancel(RequestId id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  const Entries::iterator entry = found->second;
  Client& client = client_of(*entry);
  if (entry->sequence) {
    --client.running;
    std::erase(running_, entry);
  } else {
    --waiting_;
    std::erase(client.waiting, entry);
    std::erase(preempted_, entry);
  }
  forget_client_if_idle(entry->client);
  by_id_.erase(found);
  entries_.erase(entry);
}

void Scheduler::finish(RequestId id, double now) {
  const Entry& entry = *by_id_.at(id);
  mean_seconds_ += 0.2 * (now - entry.began - mean_seconds_);
  cancel(id);
}

void Scheduler::append(RequestId id, uint32_t token) {
  Entry& entry = *by_id_.at(id);
  assert(entry.tokens.size() < entry.prompt_tokens + entry.max_tokens);
  entry.tokens.push_back(token);
}

void Scheduler::expire(double now, Step& step) {
  for (const Entry& entry : entries_) {
    if (entry.began < 0 && now - entry.submitted > options_.max_wait_seconds)
      step.expired.push_back(
          {entry.id,
           {RefusalReason::waited_too_long,
            fmt::format("the request has waited for {:.0f} seconds", options_.max_wait_seconds),
            retry_after()}});
  }
  for (const Step::Expired& each : step.expired) cancel(each.id);
}

// Frees pages of the prefix tree until so many are free in all.
bool Scheduler::make_free(size_t pages) {
  while (pool_->free_pages() < pages) {
    if (!prefixes_.evict()) return false;
  }
  return true;
}

// Pages of running sequences and `others`, each counted once however many share it.
size_t Scheduler::pages_in_use(std::span<const runtime::PageReference> others) const {
  std::unordered_set<const std::byte*> pages;
  for (const runtime::PageReference& page : others) pages.insert(page.data());
  for (const auto& entry : running_) {
    for (const std::byte* page : entry->sequence->pages()) pages.insert(page);
  }
  return pages.size();
}

void Scheduler::preempt(Entries::iterator entry) {
  entry->sequence.reset();
  --client_of(*entry).running;
  std::erase(running_, entry);
  const auto older = [&](const Entries::iterator& other) { return other->began > entry->began; };
  preempted_.insert(std::ranges::find_if(preempted_, older), entry);
  ++waiting_;
  ++totals_.preemptions;
}

// Takes a waiting entry's pages, if there are enough, and makes it the last of the running.
bool Scheduler::begin(Entries::iterator entry, double now) {
  const size_t positions = pool_->shape().positions;
  std::vector<runtime::PageReference> shared;
  // The last token is always computed, because its logits are needed.
  if (options_.reuse_prefixes)
    shared = prefixes_.find(std::span(entry->tokens).first(entry->tokens.size() - 1));
  const size_t wanted =
      runtime::pages_for(pool_->shape(), entry->tokens.size()) - shared.size() + running_.size();
  // Sure to fail: then what the tree holds is not given up in vain.
  if (pool_->pages() - pages_in_use(shared) < wanted) return false;
  if (!make_free(wanted)) return false;
  const size_t known = shared.size() * positions;
  if (known > 0)
    entry->sequence.emplace(pool_, options_.context, std::span(entry->tokens).first(known), shared);
  else
    entry->sequence.emplace(pool_, options_.context);
  if (!entry->sequence->reserve(entry->pending())) {  // no memory for a recurrent state
    entry->sequence.reset();
    return false;
  }
  if (entry->began < 0) {
    entry->began = now;
    entry->reused_tokens = known;
    totals_.reused_tokens += known;
  }
  ++client_of(*entry).running;
  --waiting_;
  running_.push_back(entry);
  return true;
}

std::optional<Scheduler::Entries::iterator> Scheduler::next_waiting() {
  if (!preempted_.empty()) return preempted_.front();
  const Client* best = nullptr;
  for (const auto& [name, client] : clients_) {
    if (client.waiting.empty()) continue;
    const auto rank = [](const Client& one) {
      return std::tuple(one.running, one.served, one.waiting.front()->submitted);
    };
    if (best == nullptr || rank(client) < rank(*best)) best = &client;
  }
  if (best == nullptr) return std::nullopt;
  return best->waiting.front();
}

void Scheduler::admit(double now) {
  while (running_.size() < options_.max_sequences) {
    const std::optional<Entries::iterator> next = next_waiting();
    if (!next) return;
    const bool was_preempted = !preempted_.empty();
    if (!begin(*next, now)) return;
    if (was_preempted)
      preempted_.pop_front();
    else
      client_of(**next).waiting.pop_front();
  }
}

void Scheduler::add_part(Step& step, Entry& entry, size_t tokens) {
  const std::span<const uint32_t> all = entry.tokens;
  const size_t length = entry.sequence->length();
  step.parts.push_back({entry.id, &*entry.sequence, all.subspan(length, tokens),
                        length + tokens == all.size(), entry.reused_tokens});
  client_of(entry).served += static_cast<double>(tokens);
}

// One row for each sequence that waits for its next token, the oldest first. One that needs a page where none
// is left takes those of the youngest, which stands behind it in running_ and so is in no part yet.
void Scheduler::plan_decoding(Step& step) {
  for (size_t i = 0; i < running_.size(); ++i) {
    const Entries::iterator entry = running_[i];
    if (entry->pending() != 1) continue;
    while (entry->sequence && !entry->sequence->reserve(1)) {
      if (!prefixes_.evict()) preempt(running_.back());
    }
    if (entry->sequence) add_part(step, *entry, 1);
  }
}

void Scheduler::plan_prompts(Step& step) {
  size_t rows = options_.max_rows - step.parts.size();
  if (!step.parts.empty()) rows = std::min(rows, chunk_);
  std::vector<Entries::iterator> prompts;
  std::ranges::copy_if(running_, std::back_inserter(prompts),
                       [](auto entry) { return entry->pending() > 1; });
  std::ranges::stable_sort(prompts, {}, [&](auto entry) { return client_of(*entry).served; });
  for (const Entries::iterator& entry : prompts) {
    const size_t tokens = std::min(rows, entry->pending());
    if (tokens == 0) break;
    add_part(step, *entry, tokens);
    rows -= tokens;
  }
}

Step Scheduler::step(double now) {
  Step step;
  expire(now, step);
  const uint64_t preemptions = totals_.preemptions;
  // A prompt of one token is a row like those of sequences that wait, so what begins does so before these are
  // planned; but where pages are short, the running come first.
  admit(now);
  plan_decoding(step);
  if (totals_.preemptions == preemptions || step.parts.empty()) plan_prompts(step);
  if (!clients_.empty()) {
    floor_ = std::ranges::min_element(clients_, {}, [](const auto& each) {
               return each.second.served;
             })->second.served;
  }
  return step;
}

void Scheduler::computed(const Step& step, double seconds) {
  size_t prompt_rows = 0;
  bool kept_waiting = false;
  for (const StepPart& part : step.parts) {
    Entry& entry = *by_id_.at(part.id);
    const size_t length = entry.sequence->length();
    if (part.tokens.size() > 1)
      prompt_rows += part.tokens.size();
    else
      kept_waiting = true;
    if (length - part.tokens.size() < entry.prompt_tokens) totals_.prompt_tokens += part.tokens.size();
    const size_t positions = pool_->shape().positions;
    const size_t full = length / positions;
    if (options_.reuse_prefixes && full > (length - part.tokens.size()) / positions)
      prefixes_.insert(std::span(entry.tokens).first(full * positions),
                       entry.sequence->references().first(full));
  }
  if (options_.latency_target <= 0 || !kept_waiting || prompt_rows == 0) return;
  // The time of a step is about proportional to its rows; halved or doubled at most, because a single step
  // may be slow for other reasons. Only a full chunk shows that there is room for more.
  const double ratio = std::clamp(options_.latency_target / std::max(seconds, 1e-6), 0.5, 2.0);
  if (ratio > 1 && prompt_rows < chunk_) return;
  const auto rows = static_cast<size_t>(std::lround(static_cast<double>(chunk_) * ratio));
  chunk_ = std::clamp(rows, std::min(least_chunk, options_.max_rows), options_.max_rows);
}

SchedulerCounts Scheduler::counts() const {
  SchedulerCounts counts = totals_;
  counts.waiting = waiting_;
  counts.running = running_.size();
  counts.pages = pool_->pages();
  counts.free_pages = pool_->free_pages();
  counts.cached_pages = prefixes_.pages();
  return counts;
}

}  // namespace tern::serve
