#include "serve/http/server.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <future>
#include <map>
#include <set>
#include <thread>

#include "serve/http/connection.h"

namespace tern::serve {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class Server::Implementation {
 public:
  explicit Implementation(ServerOptions options)
      : options_(std::move(options)),
        acceptor_(context_),
        pause_(context_),
        deadline_(context_),
        signals_(context_) {}

  Status listen() {
    error_code problem;
    const auto address = asio::ip::make_address(options_.address, problem);
    if (problem) return Error{fmt::format("'{}' is no numeric address", options_.address)};
    const tcp::endpoint endpoint(address, options_.port);
    acceptor_.open(endpoint.protocol(), problem);
    if (!problem) acceptor_.set_option(tcp::acceptor::reuse_address(true), problem);
    if (!problem) acceptor_.bind(endpoint, problem);
    if (!problem) acceptor_.listen(asio::socket_base::max_listen_connections, problem);
    if (problem) {
      return machine_error(
          fmt::format("cannot listen on {} port {}: {}", options_.address, options_.port, problem.message()));
    }
    port_ = acceptor_.local_endpoint(problem).port();
    return {};
  }

  uint16_t port() const { return port_; }

  void post(std::function<void()> function) { asio::post(context_, std::move(function)); }

  void start(Service& service, bool handle_signals) {
    service_ = &service;
    if (handle_signals) {
      signals_.add(SIGTERM);
      signals_.add(SIGINT);
      wait_for_signal();
    }
    accept();
    thread_ = std::thread([this] {
      const auto keep = asio::make_work_guard(context_);
      context_.run();
    });
  }

  void drain() {
    post([this] { drain_here(); });
  }

  void stop() {
    if (!thread_.joinable()) return;
    std::promise<void> sent;
    post([this, &sent] {
      drain_here();
      when_idle_ = [&sent] { sent.set_value(); };
      if (connections_.empty()) std::exchange(when_idle_, {})();
    });
    std::future<void> future = sent.get_future();
    if (future.wait_for(std::chrono::seconds(2)) != std::future_status::ready) {
      post([this] {
        close_all();
        if (when_idle_) std::exchange(when_idle_, {})();
      });
      future.wait();
    }
    context_.stop();
    thread_.join();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](error_code problem, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (problem) {
        // No descriptor is free, most likely: one may be, a little later.
        pause_.expires_after(std::chrono::milliseconds(50));
        pause_.async_wait([this](error_code cancelled) {
          if (!cancelled && acceptor_.is_open()) accept();
        });
        return;
      }
      admit(std::move(socket));
      accept();
    });
  }

  void admit(tcp::socket socket) {
    error_code problem;
    const tcp::endpoint peer = socket.remote_endpoint(problem);
    if (problem) return;
    const std::string address = peer.address().to_string();
    size_t& count = by_address_[address];
    if (count >= options_.max_connections_per_address || connections_.size() >= options_.max_connections) {
      if (count == 0) by_address_.erase(address);
      return;  // which closes it
    }
    ++count;
    const auto connection =
        std::make_shared<Connection>(std::move(socket), address, options_, *service_,
                                     [this, address](Connection* gone) { forget(gone, address); });
    connections_.emplace(connection.get(), connection);
    connection->read();
  }

  void forget(Connection* connection, const std::string& address) {
    connections_.erase(connection);
    const auto found = by_address_.find(address);
    if (--found->second == 0) by_address_.erase(found);
    if (connections_.empty() && when_idle_) std::exchange(when_idle_, {})();
  }

  std::vector<std::shared_ptr<Connection>> all() const {
    std::vector<std::shared_ptr<Connection>> list;
    for (const auto& [key, connection] : connections_) list.push_back(connection);
    return list;
  }

  void close_all() {
    for (const auto& connection : all()) connection->close();
  }

  void drain_here() {
    if (draining_) return;
    draining_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    service_->worker.drain();
    for (const auto& connection : all()) connection->drain();
    deadline_.expires_after(std::chrono::milliseconds(static_cast<int64_t>(options_.drain_seconds * 1000)));
    deadline_.async_wait([this](error_code cancelled) {
      if (!cancelled) service_->worker.stop();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([this](error_code problem, int) {
      if (problem) return;
      if (draining_) service_->worker.stop();
      drain_here();
      wait_for_signal();
    });
  }

  const ServerOptions options_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer pause_, deadline_;
  asio::signal_set signals_;
  Service* service_ = nullptr;
  std::map<Connection*, std::shared_ptr<Connection>> connections_;
  std::map<std::string, size_t> by_address_;  // connections
  std::function<void()> when_idle_;
  bool draining_ = false;
  uint16_t port_ = 0;
  std::thread thread_;
};

Server::Server(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}

Server::~Server() {
  stop();
}

Expected<std::unique_ptr<Server>> Server::listen(ServerOptions options) {
  auto implementation = std::make_unique<Implementation>(std::move(options));
  TERN_TRY(implementation->listen());
  return std::unique_ptr<Server>(new Server(std::move(implementation)));
}

void Server::post(std::function<void()> function) {
  implementation_->post(std::move(function));
}

void Server::start(Service& service, bool handle_signals) {
  implementation_->start(service, handle_signals);
}

void Server::drain() {
  implementation_->drain();
}

void Server::stop() {
  implementation_->stop();
}

uint16_t Server::port() const {
  return implementation_->port();
}

}  // namespace tern::serve
