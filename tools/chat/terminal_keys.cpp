#include "tools/chat/terminal_keys.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/utf8.h"
#include "runtime/jinja/values/unicode.h"

namespace tern::tools {
namespace {

constexpr int watched[] = {SIGINT, SIGTSTP, SIGWINCH, SIGTERM, SIGHUP};

std::array<volatile std::sig_atomic_t, std::size(watched)> seen;
int wake_pipe[2] = {-1, -1};  // a handler writes into it, so that no signal can come just before the waiting

void note(int signal) {
  const int problem = errno;
  for (size_t i = 0; i < std::size(watched); ++i) {
    if (watched[i] == signal) seen[i] = 1;
  }
  const char byte = 0;
  if (write(wake_pipe[1], &byte, 1) < 0) {  // a full pipe wakes too
  }
  errno = problem;
}

TerminalEvent event_of(int signal) {
  switch (signal) {
    case SIGINT: return {TerminalEvent::Kind::interrupt};
    case SIGTSTP: return {TerminalEvent::Kind::suspend};
    case SIGWINCH: return {TerminalEvent::Kind::resize};
    default: return {TerminalEvent::Kind::terminate, 0, signal};
  }
}

}  // namespace

TerminalKeys::TerminalKeys(int descriptor) : descriptor_(descriptor) {
  static_assert(signal_count == std::size(watched));
  if (wake_pipe[0] < 0 && pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0) wake_pipe[0] = wake_pipe[1] = -1;
  struct sigaction action = {};
  action.sa_handler = note;
  for (size_t i = 0; i < std::size(watched); ++i) {
    seen[i] = 0;
    sigaction(watched[i], &action, &before_[i]);
  }
}

TerminalKeys::~TerminalKeys() {
  for (size_t i = 0; i < std::size(watched); ++i) sigaction(watched[i], &before_[i], nullptr);
}

TerminalEvent TerminalKeys::next() {
  while (true) {
    for (size_t i = 0; i < std::size(watched); ++i) {
      if (seen[i] == 0) continue;
      seen[i] = 0;
      return event_of(watched[i]);
    }
    if (!pending_.empty()) {
      const Utf8Step step = utf8_step(pending_);
      if (step.kind != Utf8Kind::incomplete) {
        const bool whole = step.kind == Utf8Kind::character;
        const char32_t character =
            whole ? runtime::jinja::code_point(std::string_view(pending_).substr(0, step.length)) : U'\ufffd';
        pending_.erase(0, step.length);
        return {TerminalEvent::Kind::key, character};
      }
    }
    pollfd wait[] = {{descriptor_, POLLIN, 0}, {wake_pipe[0], POLLIN, 0}};
    if (poll(wait, std::size(wait), -1) < 0) {
      if (errno == EINTR) continue;
      return {};
    }
    char bytes[64];
    if (wait[1].revents != 0) {
      while (read(wake_pipe[0], bytes, sizeof bytes) > 0) {
      }
      continue;
    }
    // One byte, so that what was typed ahead stays in the terminal.
    const ssize_t count = read(descriptor_, bytes, 1);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) return {};
    pending_.append(bytes, 1);
  }
}

void obey_signal(int signal) {
  struct sigaction plain = {}, before = {};
  plain.sa_handler = SIG_DFL;
  sigaction(signal, &plain, &before);
  raise(signal);
  sigaction(signal, &before, nullptr);  // after SIGTSTP the process goes on here
}

}  // namespace tern::tools
