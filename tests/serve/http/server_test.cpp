#include "serve/http/server.h"

#include <gtest/gtest.h>

#include <future>
#include <random>

#include "serve/http/access.h"
#include "tests/serve/support/running_server.h"

namespace tern::serve {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

// A request for an answer that does not end by itself for a while.
json long_answer(const RunningServer& server) {
  json bias = json::object();
  for (uint32_t id = 0; id < server.engine().tokenizer().size(); ++id) {
    if (server.engine().tokenizer().is_end(id)) bias[std::to_string(id)] = -100;
  }
  return {{"prompt", "It was"}, {"max_tokens", 20000}, {"logit_bias", bias}, {"stream", true}};
}
constexpr SchedulerOptions long_context{.context = 16000};

bool becomes(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(5ms);
  return condition();
}

TEST(Access, Keys) {
  EXPECT_TRUE(is_equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(is_equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(is_equal_in_constant_time("abcabc", "abc"));
  EXPECT_FALSE(is_equal_in_constant_time("abc", ""));
  EXPECT_FALSE(is_equal_in_constant_time("", "abc"));
  const ServerOptions options{.keys = {"one", "two"}};
  EXPECT_EQ(find_key(options, "Bearer two", ""), 1);
  EXPECT_EQ(find_key(options, "bearer one", ""), 0);
  EXPECT_EQ(find_key(options, "", "one"), 0);
  EXPECT_EQ(find_key(options, "Bearer three", "one"), -1);
  EXPECT_EQ(find_key(options, "", ""), -1);
}

TEST(Access, Hosts) {
  const ServerOptions options{.hosts = {"tern.example"}};
  for (const char* own :
       {"localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "tern.example", "Tern.Example:1"})
    EXPECT_TRUE(is_own_host(options, own)) << own;
  for (const char* other :
       {"", "evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "127.0.0.1.evil.example"})
    EXPECT_FALSE(is_own_host(options, other)) << other;
}

TEST(Server, ServesSeveralRequestsOfAConnection) {
  RunningServer server;
  HttpClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send(http_request("GET", "/health"));
    EXPECT_EQ(client.read_answer().status, 200);
  }
  // Two at once, the second while the first is answered.
  const std::string ask = http_request("POST", "/v1/completions", R"({"prompt": "It", "max_tokens": 3})");
  client.send(ask + ask);
  EXPECT_EQ(client.read_answer().status, 200);
  EXPECT_EQ(client.read_answer().status, 200);
  client.send("HEAD /health HTTP/1.0\r\nHost: localhost\r\n\r\n");
  const std::optional<std::string> head = client.read_until("\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_NE(head->find("Connection: close"), std::string::npos);
  EXPECT_TRUE(client.is_closed());
}

TEST(Server, NeedsAKeyWhereThereIsOne) {
  RunningServer server({.keys = {"secret"}});
  const std::string body = R"({"prompt": "It", "max_tokens": 1})";
  const auto status = [&](const std::string& headers, const std::string& path = "/v1/completions") {
    return ask_http(server.port(), "POST", path, body, headers).status;
  };
  EXPECT_EQ(status("Host: anything\r\n"), 401);
  EXPECT_EQ(status("Host: anything\r\nAuthorization: Bearer wrong\r\n"), 401);
  EXPECT_EQ(status("Host: anything\r\nAuthorization: Bearer secret\r\n"), 200);
  EXPECT_EQ(status("Host: anything\r\nx-api-key: secret\r\n"), 200);
  EXPECT_EQ(ask_http(server.port(), "GET", "/metrics").status, 401);
  EXPECT_EQ(ask_http(server.port(), "GET", "/health").status, 200);
}

TEST(Server, PagesOfOtherSitesGetNothing) {
  RunningServer server;
  EXPECT_EQ(ask_http(server.port(), "GET", "/v1/models", "", "Host: evil.example\r\n").status, 403);
  const HttpAnswer cross =
      ask_http(server.port(), "GET", "/v1/models", "", "Host: localhost\r\nOrigin: https://a.example\r\n");
  EXPECT_FALSE(cross.headers.contains("Access-Control-Allow-Origin"));
  RunningServer open({.origins = {"https://a.example"}});
  const std::string headers = "Host: localhost\r\nOrigin: https://a.example\r\n";
  EXPECT_EQ(ask_http(open.port(), "GET", "/v1/models", "", headers).headers["Access-Control-Allow-Origin"],
            "https://a.example");
  EXPECT_EQ(ask_http(open.port(), "OPTIONS", "/v1/models", "", headers).status, 204);
}

TEST(Server, ClientsThatGoAreCancelled) {
  RunningServer server({}, long_context);
  {
    HttpClient client(server.port());
    client.send(http_request("POST", "/v1/completions", long_answer(server).dump()));
    ASSERT_TRUE(client.read_until("data: "));
    // The counts are those of a step that has ended, a token is there before.
    EXPECT_TRUE(becomes([&] { return server.worker().stats().scheduler.running == 1; }));
  }
  EXPECT_TRUE(becomes([&] { return server.worker().stats().scheduler.running == 0; }));
  EXPECT_TRUE(becomes([&] { return server.worker().stats().cancelled == 1; }));
  {
    json body = long_answer(server);
    body["stream"] = false;
    HttpClient client(server.port());
    client.send(http_request("POST", "/v1/completions", body.dump()));
    ASSERT_TRUE(becomes([&] { return server.worker().stats().scheduler.running == 1; }));
  }
  EXPECT_TRUE(becomes([&] { return server.worker().stats().scheduler.running == 0; }));
}

TEST(Server, TellsClientsToComeBack) {
  RunningServer server({}, {.context = 16000, .max_sequences = 1, .max_waiting = 1});
  HttpClient first(server.port()), second(server.port());
  first.send(http_request("POST", "/v1/completions", long_answer(server).dump()));
  ASSERT_TRUE(first.read_until("data: "));
  second.send(http_request("POST", "/v1/completions", long_answer(server).dump()));
  ASSERT_TRUE(becomes([&] { return server.worker().stats().scheduler.waiting == 1; }));
  const HttpAnswer third = server.post("/v1/completions", {{"prompt", "It"}, {"max_tokens", 1}});
  EXPECT_EQ(third.status, 429);
  EXPECT_GE(std::stoi(third.headers.at("Retry-After")), 1);
  EXPECT_EQ(json::parse(third.body)["error"]["type"], "rate_limit_error");
}

TEST(Server, DrainsBeforeItEnds) {
  RunningServer server({.drain_seconds = 20}, {.context = 600});
  json body = long_answer(server);
  body["max_tokens"] = 400;
  HttpClient client(server.port());
  client.send(http_request("POST", "/v1/completions", body.dump()));
  ASSERT_TRUE(client.read_until("data: "));
  HttpClient idle(server.port());
  idle.send(http_request("GET", "/health"));
  EXPECT_EQ(idle.read_answer().status, 200);
  server.server().drain();
  EXPECT_TRUE(idle.is_closed());
  EXPECT_TRUE(client.read_until("[DONE]")) << "the answer goes on to its end";
  EXPECT_FALSE(HttpClient(server.port()).connected());
}

TEST(Server, LimitsWhatAClientMaySend) {
  RunningServer server({.max_body_bytes = 1000,
                        .max_header_bytes = 500,
                        .max_connections_per_address = 8,
                        .request_seconds = 0.3});
  const std::string large =
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n";
  HttpClient body(server.port());
  body.send(large);
  EXPECT_EQ(body.read_answer().status, 413);
  HttpClient header(server.port());
  header.send("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(600, 'x'));
  EXPECT_EQ(header.read_answer().status, 431);
  HttpClient nonsense(server.port());
  nonsense.send("\x16\x03\x01 hello\r\n\r\n");
  EXPECT_EQ(nonsense.read_answer().status, 400);
  HttpClient slow(server.port());
  slow.send("GET /health HTT");
  EXPECT_TRUE(slow.is_closed()) << "the whole request has its time, not each byte";
  std::vector<std::unique_ptr<HttpClient>> many;
  for (int i = 0; i < 8; ++i) many.push_back(std::make_unique<HttpClient>(server.port()));
  HttpClient one_more(server.port());
  EXPECT_TRUE(one_more.is_closed());
}

// Clients that send what they like, while an honest one goes on being served.
TEST(Server, SurvivesHostileClients) {
  RunningServer server({.max_body_bytes = 4000, .request_seconds = 0.5}, {.context = 256});
  const json body = {{"prompt", "It was"}, {"max_tokens", 8}, {"seed", 5}};
  const json right = server.ask("/v1/completions", body)["choices"];
  std::atomic<bool> ending = false;
  std::vector<std::thread> hostile;
  const std::string valid = http_request(
      "POST", "/v1/chat/completions",
      R"({"messages": [{"role": "user", "content": "It was"}], "max_tokens": 5, "stream": true})");
  for (uint32_t seed = 0; seed < 6; ++seed) {
    hostile.emplace_back([&, seed] {
      std::mt19937 random(seed);
      while (!ending) {
        HttpClient client(server.port());
        std::string bytes = valid;
        for (uint32_t i = random() % 6; i > 0; --i) {
          const size_t at = random() % bytes.size();
          switch (random() % 4) {
            case 0: bytes[at] = static_cast<char>(random()); break;
            case 1: bytes.erase(at, random() % 20); break;
            case 2: bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 40)); break;
            case 3: bytes.resize(at + 1); break;
          }
        }
        client.send(bytes);
        switch (random() % 3) {
          case 0: break;  // goes at once
          case 1: client.read_until("data"); break;
          case 2: client.read_answer(); break;
        }
      }
    });
  }
  const auto end = std::chrono::steady_clock::now() + 3s;
  size_t served = 0;
  for (; std::chrono::steady_clock::now() < end; ++served)
    EXPECT_EQ(server.ask("/v1/completions", body).value("choices", json()), right);
  ending = true;
  for (std::thread& thread : hostile) thread.join();
  EXPECT_GT(served, 5u);
  EXPECT_TRUE(becomes([&] { return server.worker().stats().scheduler.running == 0; }));
}

}  // namespace
}  // namespace tern::serve
