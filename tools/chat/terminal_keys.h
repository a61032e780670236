// Keys that arrive from a terminal, and the signals that arrive between them.
#pragma once

#include <csignal>
#include <cstddef>
#include <string>

namespace tern::tools {

struct TerminalEvent {
  enum class Kind {
    key,        // `character`
    interrupt,  // Ctrl-C
    suspend,    // Ctrl-Z: the process is to stop
    resize,     // the terminal has another size
    terminate,  // the process is to end, by `signal`
    end         // of the input
  };
  Kind kind = Kind::end;
  char32_t character = 0;  // U+FFFD for bytes that are no UTF-8
  int signal = 0;
};

// While one of these lives, SIGINT, SIGTSTP, SIGWINCH, SIGTERM and SIGHUP are told as events; then what they
// did before is restored. One at a time, because signals belong to the process.
class TerminalKeys {
 public:
  explicit TerminalKeys(int descriptor);
  ~TerminalKeys();
  TerminalKeys(const TerminalKeys&) = delete;
  TerminalKeys& operator=(const TerminalKeys&) = delete;

  // Waits for the next event. A signal that has come is told before a key.
  TerminalEvent next();

 private:
  static constexpr size_t signal_count = 5;

  int descriptor_;
  std::string pending_;  // bytes that are no whole character yet
  struct sigaction before_[signal_count] = {};
};

// Lets `signal`, SIGTSTP or one that ends the process, do what it does without a handler.
void obey_signal(int signal);

}  // namespace tern::tools
