// The model in the box behind a server, on a port that is free.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "serve/http/server.h"
#include "tests/serve/support/http_client.h"
#include "tests/serve/support/model_in_the_box.h"

namespace tern::serve {

class RunningServer {
 public:
  explicit RunningServer(ServerOptions options = {}, SchedulerOptions scheduler = {.context = 512},
                         const std::string& chat_template = "chatml")
      : session_(open_box()),
        worker_(*session_.engine, session_.engine->make_pool(16384).take(), scheduler),
        service_{*session_.engine, worker_} {
    options.port = 0;
    options.log = false;
    service_.model = "box";
    service_.version = "tern test";
    service_.fingerprint = "tern-test";
    if (!chat_template.empty()) {
      service_.chat =
          runtime::choose_template(session_.engine->model().vocabulary, "llama", chat_template).take();
    }
    service_.no_chat = "there is no template";
    server_ = Server::listen(options).take();
    service_.post = [this](std::function<void()> function) { server_->post(std::move(function)); };
    server_->start(service_, false);
    thread_ = std::thread([this] { worker_.run(); });
  }
  ~RunningServer() {
    worker_.stop();
    thread_.join();
    server_->stop();
  }

  uint16_t port() const { return server_->port(); }
  Server& server() { return *server_; }
  Worker& worker() { return worker_; }
  const runtime::Engine& engine() const { return *session_.engine; }

  HttpAnswer post(const std::string& path, const nlohmann::json& body) const {
    return ask_http(port(), "POST", path, body.dump());
  }
  // The body of an answer with this status, as JSON.
  nlohmann::json ask(const std::string& path, const nlohmann::json& request, int status = 200) const {
    const HttpAnswer answer = post(path, request);
    EXPECT_EQ(answer.status, status) << answer.body;
    const nlohmann::json body = nlohmann::json::parse(answer.body, nullptr, false);
    return body.is_discarded() ? nlohmann::json::object() : body;
  }
  nlohmann::json get(const std::string& path, int status = 200) const {
    const HttpAnswer answer = ask_http(port(), "GET", path);
    EXPECT_EQ(answer.status, status) << answer.body;
    const nlohmann::json body = nlohmann::json::parse(answer.body, nullptr, false);
    return body.is_discarded() ? nlohmann::json::object() : body;
  }
  // The data of the events of a stream; "[DONE]" as a string.
  std::vector<nlohmann::json> stream(const std::string& path, nlohmann::json body) const {
    body["stream"] = true;
    const HttpAnswer answer = post(path, body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.headers.at("Content-Type"), "text/event-stream");
    std::vector<nlohmann::json> events;
    for (size_t at = 0; at < answer.body.size();) {
      const size_t end = answer.body.find("\n\n", at), data = answer.body.find("data: ", at);
      EXPECT_LT(data, end);
      if (data >= end) break;
      const std::string text = answer.body.substr(data + 6, end - data - 6);
      events.push_back(text == "[DONE]" ? nlohmann::json(text) : nlohmann::json::parse(text));
      at = end + 2;
    }
    return events;
  }

 private:
  runtime::Session session_;
  Worker worker_;
  Service service_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace tern::serve
