// What the HTTP server allows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tern::serve {

struct ServerOptions {
  std::string address = "127.0.0.1";  // a numeric address
  uint16_t port = 8080;               // 0: one that is free
  std::vector<std::string> keys;      // of clients; empty: nobody needs one
  // Names that a Host header may have, besides "localhost" and the numeric addresses of this machine's
  // loopback. Checked where no keys are needed: a page of another site, whose name its owner made point to
  // this machine, has no key.
  std::vector<std::string> hosts;
  std::vector<std::string> origins;  // of pages that may read answers (CORS); "*": all; empty: none
  bool trust_forwarded = false;  // the last X-Forwarded-For is the client's address: behind a proxy of ours

  size_t max_body_bytes = size_t{8} << 20;
  uint32_t max_header_bytes = 16 << 10;
  size_t max_connections = 1024;
  size_t max_connections_per_address = 256;
  // Bytes of one answer that wait because its client does not read; beyond it, the client is dropped.
  size_t max_unread_bytes = size_t{4} << 20;
  double request_seconds = 20;  // to send a whole request; an idle connection is closed after it too
  double write_seconds = 30;    // for a client to take a piece of an answer
  double drain_seconds = 30;    // for answers that run when the server is told to end
  bool log = true;              // a line of JSON a request, on standard error; never with prompts or answers
};

// Whether an address is of this machine alone: 127.0.0.0/8 or ::1.
bool is_loopback(const std::string& address);

}  // namespace tern::serve
