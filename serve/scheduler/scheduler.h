// Which sequences run in which step: continuous batching, as a value without a clock, a thread or a model.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/sequence/sequence.h"
#include "serve/scheduler/prefix_tree.h"

namespace tern::serve {

struct SchedulerOptions {
  size_t context = 2048;          // most tokens of a sequence; at most the positions of all pages
  size_t max_rows = 256;          // most tokens of a step
  size_t max_sequences = 32;      // most sequences that are computed at once; 1 to max_rows
  size_t max_waiting = 256;       // requests that wait, at most
  double max_wait_seconds = 300;  // a request that has not begun by then is given up
  // Seconds that a step should take at most while it keeps sequences waiting for their next token. Tokens of
  // prompts that go along are as few as that takes; 0: as many as the step holds.
  double latency_target = 0.2;
  bool reuse_prefixes = true;
};

using RequestId = uint64_t;

// One sequence to compute. How its tokens are chosen, and which end it early, is the caller's business.
struct Request {
  std::string client;            // requests of one client share its part of the machine
  std::vector<uint32_t> prompt;  // not empty
  size_t max_tokens = 1;         // to generate, at least 1
};

enum class RefusalReason { too_long, queue_full, waited_too_long, draining };

struct Refusal {
  RefusalReason reason;
  std::string message;
  double retry_after = 0;  // seconds after which another attempt may succeed; 0: none will
};

// Tokens of one request that a step computes.
struct StepPart {
  RequestId id;
  runtime::Sequence* sequence;       // room is reserved
  std::span<const uint32_t> tokens;  // to append to it
  bool gives_token;      // the logits after the last of `tokens` are those of the request's next token
  size_t reused_tokens;  // of the prompt, that were at hand when the request first began
};

struct Step {
  std::vector<StepPart> parts;  // none: there is nothing to do
  struct Expired {
    RequestId id;
    Refusal why;
  };
  std::vector<Expired> expired;  // requests that are given up; they are gone
};

struct SchedulerCounts {
  size_t waiting = 0, running = 0;
  size_t pages = 0, free_pages = 0, cached_pages = 0;
  uint64_t preemptions = 0, prompt_tokens = 0, reused_tokens = 0;
};

// One turn of its use is: step(); the caller computes the parts in one batch; computed(); then, for each part
// that gives a token, append() or finish(). submit() and cancel() come between turns.
//
// Which requests run together changes none of their tokens, because the model's logits depend on a sequence
// alone (Executor::step). So the scheduler is free to do what is quickest:
// - Sequences that wait for their next token go first, one row each; prompts fill up the step, in chunks.
// - Of the prompts, that of the client for whom the fewest tokens were computed goes first. A client that
//   comes new counts as having had as many as the least served of the others. So a client with many requests,
//   or long ones, slows down its own.
// - A request begins when there are pages for all of its prompt and one more for each sequence that is
//   running. Clients with the fewest running sequences go first; who is next in this order waits for pages,
//   and nobody passes him.
// - Where a running sequence needs a page and none is free, the sequence that began last is preempted: it
//   gives its pages back and is computed again, from its tokens so far, before a request that has not begun.
class Scheduler {
 public:
  // Precondition: the pool has pages for `context` positions.
  Scheduler(std::shared_ptr<runtime::PagePool> pool, SchedulerOptions options);

  // Queues a request; or says why not. `now` is in seconds since any moment, and never less than before.
  // Precondition: no living request has this id.
  std::optional<Refusal> submit(RequestId id, Request request, double now);
  // Forgets a request, wherever it stands. An id that is not known is ignored.
  void cancel(RequestId id);
  // From now on nothing is accepted. What was accepted goes on.
  void drain() { draining_ = true; }

  // What to compute next. Valid until any other function that is not const is called.
  Step step(double now);
  // Tells that a step has been computed, and how long it took.
  void computed(const Step& step, double seconds);
  // The token that a part has given. Precondition: the request has fewer than max_tokens.
  void append(RequestId id, uint32_t token);
  // Forgets a request that has all its tokens.
  void finish(RequestId id, double now);

  bool empty() const { return waiting_ == 0 && running_.empty(); }
  SchedulerCounts counts() const;
  const SchedulerOptions& options() const { return options_; }

 private:
  struct Entry {
    RequestId id = 0;
    std::string client;
    std::vector<uint32_t> tokens;  // of the prompt, and generated
    size_t prompt_tokens = 0, max_tokens = 0;
    double submitted = 0;
    double began = -1;  // below 0: has not begun
    size_t reused_tokens = 0;
    std::optional<runtime::Sequence> sequence;  // while it is running
    size_t pending() const { return tokens.size() - sequence->length(); }
  };
  using Entries = std::list<Entry>;
  struct Client {
    std::deque<Entries::iterator> waiting;
    size_t running = 0;
    double served = 0;  // tokens computed for it, with what it was given when it came
  };

  Client& client_of(const Entry& entry) { return clients_.at(entry.client); }
  void forget_client_if_idle(const std::string& name);
  void expire(double now, Step& step);
  void plan_decoding(Step& step);
  void plan_prompts(Step& step);
  void admit(double now);
  std::optional<Entries::iterator> next_waiting();
  bool begin(Entries::iterator entry, double now);
  bool make_free(size_t pages);
  size_t pages_in_use(std::span<const runtime::PageReference> others) const;
  void preempt(Entries::iterator entry);
  void add_part(Step& step, Entry& entry, size_t tokens);
  double retry_after() const;

  std::shared_ptr<runtime::PagePool> pool_;  // outlives the references
  SchedulerOptions options_;
  PrefixTree prefixes_;
  Entries entries_;
  std::map<RequestId, Entries::iterator> by_id_;
  std::vector<Entries::iterator> running_;   // in the order in which they began
  std::deque<Entries::iterator> preempted_;  // the oldest first
  std::map<std::string, Client> clients_;    // with a request each
  size_t waiting_ = 0;                       // entries that are not running
  size_t chunk_;                             // tokens of prompts in a step beside sequences that wait
  double floor_ = 0;                         // least `served` of the clients at the last step
  double mean_seconds_ = 1;                  // of finished requests, from begin to end; a moving average
  bool draining_ = false;
  SchedulerCounts totals_;
};

}  // namespace tern::serve
