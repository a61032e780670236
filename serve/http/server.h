// The HTTP/1.1 server: sockets on one side, the API on the other.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/expected.h"
#include "serve/api/service.h"
#include "serve/http/server_options.h"

namespace tern::serve {

// One thread, which start() makes, waits for all sockets and runs the API.
class Server {
 public:
  // Listens from now on. Errors: an address that is no numeric address, or that cannot be bound.
  static Expected<std::unique_ptr<Server>> listen(ServerOptions options);
  ~Server();  // stop()

  // Runs a function on the server's thread; from any thread.
  void post(std::function<void()> function);
  // Answers requests from now on. `service` must live until stop() has returned. With `handle_signals`,
  // SIGTERM and SIGINT drain the server and the service's worker, and a second one stops the worker.
  void start(Service& service, bool handle_signals);
  // From any thread: no connection is accepted any more, each is closed after its answer, and the service's
  // worker drains. Answers that take longer than drain_seconds are cut off.
  void drain();
  // Waits until every answer has been sent, for two seconds at most, and ends the thread.
  void stop();

  uint16_t port() const;

 private:
  class Implementation;
  explicit Server(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tern::serve
