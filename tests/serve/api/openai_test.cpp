// The OpenAI API from outside: requests over a socket, to the model in the box.
#include <gtest/gtest.h>

#include <future>

#include "runtime/generate/generate.h"
#include "tests/serve/support/running_server.h"

namespace tern::serve {
namespace {

using nlohmann::json;

struct OpenAi : testing::Test {
  static void SetUpTestSuite() { server = std::make_unique<RunningServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<RunningServer> server;

  static json chat(json more = json::object()) {
    json body = {{"model", "box"},
                 {"messages", {{{"role", "user"}, {"content", "It was a dark"}}}},
                 {"max_tokens", 12},
                 {"seed", 3}};
    body.update(more);
    return body;
  }
};
std::unique_ptr<RunningServer> OpenAi::server;

// What tern run would say, by the library alone.
std::string continued(const std::string& prompt, size_t tokens) {
  runtime::Session session = open_box();
  runtime::Sequence sequence = session.engine->make_sequence(512).take();
  runtime::GenerateOptions options;
  options.max_tokens = tokens;
  options.sampling.temperature = 0;
  const auto ids = session.engine->tokenizer().encode_from_beginning(prompt, false);
  const runtime::Generation generation = runtime::generate(*session.engine, sequence, ids, options).take();
  std::string text;
  for (const uint32_t token : generation.tokens) text += session.engine->tokenizer().decode(token);
  return text;
}

TEST_F(OpenAi, CompletesAsTheLibraryDoes) {
  const json answer =
      server->ask("/v1/completions", {{"prompt", "It was"}, {"max_tokens", 20}, {"temperature", 0}});
  EXPECT_EQ(answer["choices"][0]["text"], continued("It was", 20));
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_EQ(answer["usage"]["completion_tokens"], 20);
  EXPECT_EQ(answer["system_fingerprint"], "tern-test");
}

TEST_F(OpenAi, StreamsWhatItAnswersInOnePiece) {
  const json whole = server->ask("/v1/chat/completions", chat({{"logprobs", true}, {"top_logprobs", 2}}));
  const std::vector<json> events = server->stream(
      "/v1/chat/completions",
      chat({{"logprobs", true}, {"top_logprobs", 2}, {"stream_options", {{"include_usage", true}}}}));
  std::string text;
  json logprobs = json::array();
  ASSERT_GE(events.size(), 4u);
  EXPECT_EQ(events[0]["choices"][0]["delta"]["role"], "assistant");
  for (const json& event : events) {
    if (event.is_string() || event["choices"].empty()) continue;
    text += event["choices"][0]["delta"].value("content", "");
    const json& some = event["choices"][0]["logprobs"];
    if (!some.is_null()) logprobs.insert(logprobs.end(), some["content"].begin(), some["content"].end());
  }
  const json& choice = whole["choices"][0];
  EXPECT_EQ(text, choice["message"]["content"]);
  EXPECT_EQ(logprobs, choice["logprobs"]["content"]);
  EXPECT_EQ(logprobs[0]["top_logprobs"].size(), 2u);
  EXPECT_LE(logprobs[0]["logprob"].get<double>(), 0);
  EXPECT_EQ(events.back(), "[DONE]");
  const json& last = events[events.size() - 2];
  EXPECT_TRUE(last["choices"].empty());
  EXPECT_EQ(last["usage"]["prompt_tokens"], whole["usage"]["prompt_tokens"]);
  EXPECT_EQ(events[events.size() - 3]["choices"][0]["finish_reason"], choice["finish_reason"]);
}

TEST_F(OpenAi, ChoicesHaveSeedsInARow) {
  const json many = server->ask("/v1/chat/completions", chat({{"n", 3}, {"seed", 10}}));
  ASSERT_EQ(many["choices"].size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const json one = server->ask("/v1/chat/completions", chat({{"seed", 10 + i}}));
    EXPECT_EQ(many["choices"][i]["message"], one["choices"][0]["message"]);
    EXPECT_EQ(many["choices"][i]["index"], i);
    EXPECT_EQ(one["seed"], 10 + i);
  }
  EXPECT_NE(many["choices"][0]["message"]["content"], many["choices"][1]["message"]["content"]);
  // A seed that was chosen by chance is told, and gives the same answer again.
  json unseeded = chat();
  unseeded.erase("seed");
  const json by_chance = server->ask("/v1/chat/completions", unseeded);
  const json again = server->ask("/v1/chat/completions", chat({{"seed", by_chance["seed"]}}));
  EXPECT_EQ(again["choices"], by_chance["choices"]);
}

TEST_F(OpenAi, AnswersAreTheSameInACrowd) {
  std::vector<json> alone;
  for (int i = 0; i < 16; ++i)
    alone.push_back(
        server->ask("/v1/chat/completions", chat({{"seed", i}, {"max_tokens", 5 + i}}))["choices"]);
  std::vector<std::future<json>> crowd;
  for (int i = 0; i < 16; ++i) {
    crowd.push_back(std::async(std::launch::async, [i] {
      return server->ask("/v1/chat/completions", chat({{"seed", i}, {"max_tokens", 5 + i}}))["choices"];
    }));
  }
  for (int i = 0; i < 16; ++i)
    EXPECT_EQ(crowd[static_cast<size_t>(i)].get(), alone[static_cast<size_t>(i)]) << i;
}

TEST_F(OpenAi, SecondMessagesReuseTheFirst) {
  std::string history;
  for (int i = 0; i < 40; ++i) history += "It was a long story. ";
  json body = chat({{"messages", {{{"role", "user"}, {"content", history}}}}, {"max_tokens", 4}});
  const json first = server->ask("/v1/chat/completions", body);
  body["messages"].push_back(first["choices"][0]["message"]);
  body["messages"].push_back({{"role", "user"}, {"content", "And?"}});
  const json second = server->ask("/v1/chat/completions", body);
  const size_t cached = second["usage"]["prompt_tokens_details"]["cached_tokens"];
  EXPECT_GE(cached + 64 + 20, first["usage"]["prompt_tokens"].get<size_t>());
}

TEST_F(OpenAi, StopsAndBiases) {
  const json whole =
      server->ask("/v1/completions", {{"prompt", "It was"}, {"max_tokens", 20}, {"temperature", 0}});
  const std::string text = whole["choices"][0]["text"];
  const std::string stop = text.substr(8, 3);
  const json stopped = server->ask(
      "/v1/completions", {{"prompt", "It was"}, {"max_tokens", 20}, {"temperature", 0}, {"stop", stop}});
  EXPECT_EQ(stopped["choices"][0]["text"], text.substr(0, text.find(stop)));
  EXPECT_EQ(stopped["choices"][0]["finish_reason"], "stop");
  const uint32_t token = server->ask("/tokenize", {{"content", "x"}})["tokens"][0];
  const json biased = server->ask("/v1/completions", {{"prompt", "It was"},
                                                      {"max_tokens", 3},
                                                      {"temperature", 0},
                                                      {"logit_bias", {{std::to_string(token), 100}}}});
  const std::string piece = server->engine().tokenizer().decode(token);
  EXPECT_EQ(biased["choices"][0]["text"], piece + piece + piece);
}

TEST_F(OpenAi, RefusesByName) {
  const auto param = [&](const json& more, int status = 400) {
    return server->ask("/v1/chat/completions", chat(more), status)["error"]["param"];
  };
  EXPECT_EQ(param({{"surprise", 1}}), "surprise");
  EXPECT_EQ(param({{"temperature", "hot"}}), "temperature");
  EXPECT_EQ(param({{"temperature", -1}}), "temperature");
  EXPECT_EQ(param({{"top_p", 1.5}}), "top_p");
  EXPECT_EQ(param({{"n", 0}}), "n");
  EXPECT_EQ(param({{"n", 1000}}), "n");
  EXPECT_EQ(param({{"max_tokens", 0}}), "max_tokens");
  EXPECT_EQ(param({{"seed", 1.5}}), "seed");
  EXPECT_EQ(param({{"stop", json::array({"a", 1})}}), "stop");
  EXPECT_EQ(param({{"logit_bias", {{"999999", 1}}}}), "logit_bias");
  EXPECT_EQ(param({{"messages", json::array()}}), "messages");
  EXPECT_EQ(param({{"messages", {{{"content", "who?"}}}}}), "messages");
  EXPECT_EQ(param({{"response_format", {{"type", "yaml"}}}}), "response_format.type");
  EXPECT_EQ(param({{"response_format",
                    {{"type", "json_schema"},
                     {"json_schema", {{"schema", {{"type", "string"}, {"pattern", "a+"}}}}}}}}),
            "response_format");
  EXPECT_EQ(param({{"stream_options", {{"other", true}}}}), "stream_options.other");
  EXPECT_EQ(param({{"model", "gpt-5"}}, 404), "model");
  EXPECT_EQ(server->ask("/v1/completions", {{"prompt", "a"}, {"echo", true}}, 400)["error"]["param"], "echo");
  const HttpAnswer broken = ask_http(server->port(), "POST", "/v1/completions", "{\"prompt\": ");
  EXPECT_EQ(broken.status, 400);
  EXPECT_EQ(json::parse(broken.body)["error"]["code"], "invalid_json");
  const std::string deep = std::string(1000, '[') + std::string(1000, ']');
  EXPECT_EQ(ask_http(server->port(), "POST", "/v1/completions", deep).status, 400);
  const json too_long =
      server->ask("/v1/completions", {{"prompt", std::vector<int>(600, 5)}, {"max_tokens", 4}}, 400);
  EXPECT_EQ(too_long["error"]["code"], "context_length_exceeded");
}

TEST_F(OpenAi, AnswersKeepToASchema) {
  const json schema = {{"type", "object"},
                       {"properties",
                        {{"name", {{"type", "string"}, {"maxLength", 12}}},
                         {"age", {{"type", "integer"}, {"minimum", 3}, {"maximum", 120}}},
                         {"kind", {{"enum", {"cat", "dog", nullptr}}}},
                         {"tags", {{"type", "array"}, {"items", {{"type", "boolean"}}}, {"maxItems", 3}}}}},
                       {"required", {"name", "age", "kind", "tags"}},
                       {"additionalProperties", false}};
  for (int seed = 0; seed < 20; ++seed) {
    const json answer = server->ask(
        "/v1/chat/completions",
        chat({{"seed", seed},
              {"max_tokens", 300},
              {"response_format", {{"type", "json_schema"}, {"json_schema", {{"schema", schema}}}}}}));
    EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
    const json value = json::parse(answer["choices"][0]["message"]["content"].get<std::string>());
    EXPECT_EQ(value.size(), 4u);
    EXPECT_TRUE(value.at("name").is_string());
    EXPECT_GE(value.at("age"), 3);
    EXPECT_LE(value.at("age"), 120);
    EXPECT_TRUE(value.at("kind") == "cat" || value.at("kind") == "dog" || value.at("kind").is_null());
    EXPECT_LE(value.at("tags").size(), 3u);
  }
}

TEST_F(OpenAi, TextsAndTokens) {
  const json tokens = server->ask("/tokenize", {{"content", "It was a dark night"}});
  EXPECT_EQ(server->ask("/detokenize", {{"tokens", tokens["tokens"]}})["content"], "It was a dark night");
  const json prompt = server->ask("/apply-template", {{"messages", {{{"role", "user"}, {"content", "Hi"}}}}});
  EXPECT_EQ(prompt["prompt"], "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(server->get("/v1/models")["data"][0]["id"], "box");
  EXPECT_EQ(server->get("/v1/models/box")["object"], "model");
  server->get("/v1/models/other", 404);
  EXPECT_EQ(server->get("/props")["context"], 512);
  EXPECT_EQ(server->get("/health")["status"], "ok");
  EXPECT_EQ(server->get("/ready")["status"], "ready");
  server->get("/nowhere", 404);
  const HttpAnswer metrics = ask_http(server->port(), "GET", "/metrics");
  EXPECT_NE(metrics.body.find("\ntern_generated_tokens_total "), std::string::npos);
  EXPECT_NE(metrics.body.find("tern_first_token_seconds_bucket{le=\"+Inf\"} "), std::string::npos);
}

TEST_F(OpenAi, EmbedsTexts) {
  const json answer =
      server->ask("/v1/embeddings", {{"input", {"a dark night", "It was"}}, {"model", "box"}});
  ASSERT_EQ(answer["data"].size(), 2u);
  double length = 0;
  for (const json& value : answer["data"][1]["embedding"])
    length += value.get<double>() * value.get<double>();
  EXPECT_NEAR(length, 1, 1e-5);
  const json coded = server->ask("/v1/embeddings", {{"input", "It was"}, {"encoding_format", "base64"}});
  const std::string text = coded["data"][0]["embedding"];
  EXPECT_EQ(text.size(), (answer["data"][1]["embedding"].size() * 4 + 2) / 3 * 4);
  EXPECT_EQ(server->ask("/v1/embeddings", {{"input", ""}, {"dimensions", 3}}, 400)["error"]["param"],
            "dimensions");
}

}  // namespace
}  // namespace tern::serve
