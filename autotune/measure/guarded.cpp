#include "autotune/measure/guarded.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <span>

namespace tern::autotune {
namespace {

// One call, in memory that parent and children see. All zeros at first.
struct Call {
  std::atomic<int> thread;  // whose child has claimed it, counted from 1; 0: none has
  std::atomic<bool> done;
  char message[200];
};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

// Shared by parent and children.
class SharedCalls {
 public:
  explicit SharedCalls(size_t count) : bytes_(count * sizeof(Call)) {
    void* start = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (start != MAP_FAILED) calls_ = {static_cast<Call*>(start), count};
  }
  SharedCalls(const SharedCalls&) = delete;
  SharedCalls& operator=(const SharedCalls&) = delete;
  ~SharedCalls() {
    if (!calls_.empty()) munmap(calls_.data(), bytes_);
  }
  // Empty if there was no memory.
  std::span<Call> get() const { return calls_; }

 private:
  size_t bytes_;
  std::span<Call> calls_;
};

// Claims the next call that no child has.
std::optional<size_t> claim(std::span<Call> calls, int thread) {
  for (size_t i = 0; i < calls.size(); ++i) {
    int unclaimed = 0;
    if (calls[i].thread.compare_exchange_strong(unclaimed, thread)) return i;
  }
  return std::nullopt;
}

void finish(Call& call, const std::string& message) {
  call.message[message.copy(call.message, sizeof call.message - 1)] = '\0';
  call.done = true;
}

[[noreturn]] void be_child(std::span<Call> calls, int thread, unsigned seconds,
                           const std::function<std::string(size_t)>& function) {
  std::signal(SIGINT, SIG_IGN);  // the parent ends in order, and waits for us
  while (const std::optional<size_t> next = claim(calls, thread)) {
    alarm(seconds);
    const std::string message = function(*next);
    finish(calls[*next], message);
    if (!message.empty()) break;  // it may have left anything in our memory
  }
  _exit(0);
}

std::string how_it_ended(int status, unsigned seconds) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    return fmt::format("did not end within {} seconds", seconds);
  if (WIFSIGNALED(status)) return fmt::format("crashed: {}", strsignal(WTERMSIG(status)));
  return "ended the process that ran it";
}

// Has one child after another until all calls are taken.
void be_parent(std::span<Call> calls, int thread, unsigned seconds,
               const std::function<std::string(size_t)>& function) {
  const auto is_left = [](const Call& call) { return call.thread == 0; };
  while (std::ranges::any_of(calls, is_left)) {
    const pid_t child = fork();
    if (child < 0) {
      while (const std::optional<size_t> next = claim(calls, thread))
        finish(calls[*next], "no process to run it in");
      return;
    }
    if (child == 0) be_child(calls, thread, seconds, function);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    for (Call& call : calls) {
      if (call.thread == thread && !call.done) finish(call, how_it_ended(status, seconds));
    }
  }
}

}  // namespace

std::vector<std::string> call_guarded(size_t count, ThreadPool& pool, unsigned seconds,
                                      const std::function<std::string(size_t)>& function) {
  if (count == 0) return {};
  const SharedCalls shared(count);
  const std::span<Call> calls = shared.get();
  if (calls.empty()) return std::vector<std::string>(count, "no memory to run it with");
  pool.run([&](int thread) {
    if (static_cast<size_t>(thread) < count) be_parent(calls, thread + 1, seconds, function);
  });
  std::vector<std::string> messages;
  for (const Call& call : calls) messages.emplace_back(call.message);
  return messages;
}

}  // namespace tern::autotune
