// tern serve: a model for clients of the OpenAI API.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/hash.h"
#include "serve/http/server.h"
#include "tools/chat/show_answer.h"
#include "tools/commands.h"
#include "tools/options/engine_options.h"
#include "tools/options/input.h"
#include "tools/options/output_file.h"

namespace tern::tools {
namespace {

namespace fs = std::filesystem;

struct ServeFlags {
  EngineFlags engine;
  serve::ServerOptions server;
  serve::SchedulerOptions scheduler;
  std::string name, template_name, key_file;
  size_t context = 0, kv_tokens = 0;
  bool no_prefix_cache = false, allow_anyone = false, no_log = false;
};

// The size of a file and 16 pieces of it; of a folder, its files in order.
std::string look_at(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(path, ignored)) files.push_back(entry.path());
    std::ranges::sort(files);
    std::string all;
    for (const fs::path& file : files) {
      if (fs::is_regular_file(file, ignored)) all += file.filename().string() + look_at(file);
    }
    return all;
  }
  const uintmax_t size = fs::file_size(path, ignored);
  std::string text = fmt::format("{};", size);
  std::ifstream stream(path, std::ios::binary);
  for (uintmax_t i = 0; i < 16; ++i) {
    std::string piece(4096, '\0');
    stream.clear();
    stream.seekg(static_cast<std::streamoff>(size / 16 * i));
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    text += piece;
  }
  return text;
}

// Of the model and of the options that decide which bits a logit has. Threads, kernels and the load do not.
std::string fingerprint(const ServeFlags& flags) {
  const ModelFlags& model = flags.engine;
  const std::string path = model.model.empty() ? default_model() : model.model;
  const std::string all = fmt::format("{};{};{};{};{};{};{};{}", TERN_VERSION, look_at(path), model.kv,
                                      model.exact_head, static_cast<int>(model.activations),
                                      model.pre_tokenizer, model.i2s_order, flags.template_name);
  return fmt::format("tern-{:016x}", fnv1a(all));
}

Status read_keys(ServeFlags& flags) {
  if (const char* key = std::getenv("TERN_API_KEY"); key != nullptr && *key != '\0')
    flags.server.keys.emplace_back(key);
  if (flags.key_file.empty()) return {};
  TERN_ASSIGN(const std::string text, read_text(flags.key_file));
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string key = text.substr(begin, end - begin);
    if (key.ends_with('\r')) key.pop_back();
    if (!key.empty()) flags.server.keys.push_back(std::move(key));
    begin = end + 1;
  }
  if (flags.server.keys.empty()) return Error{"has no key", {flags.key_file}};
  return {};
}

Expected<int> serve_model(ServeFlags flags) {
  TERN_TRY(read_keys(flags));
  if (!serve::is_loopback(flags.server.address) && flags.server.keys.empty() && !flags.allow_anyone) {
    return Error{
        fmt::format("on {} everybody who reaches this machine could use the model: give an API key "
                    "(--api-key-file or $TERN_API_KEY), or say --allow-anyone",
                    flags.server.address)};
  }
  flags.server.log = !flags.no_log;
  TERN_ASSIGN(runtime::Session session, load_engine(flags.engine));
  runtime::Engine& engine = *session.engine;

  const size_t trained = engine.model().hyperparameters.context_length;
  flags.scheduler.context = flags.context != 0 ? flags.context : std::min(trained, size_t{8192});
  flags.scheduler.max_rows = flags.engine.batch;
  flags.scheduler.max_sequences = std::min(flags.scheduler.max_sequences, flags.scheduler.max_rows);
  flags.scheduler.reuse_prefixes = !flags.no_prefix_cache;
  const size_t positions = flags.kv_tokens != 0 ? flags.kv_tokens : 4 * flags.scheduler.context;
  if (positions < flags.scheduler.context) {
    return Error{fmt::format("--kv-tokens {} is less than the context, {} tokens", positions,
                             flags.scheduler.context)};
  }
  TERN_ASSIGN(std::shared_ptr<runtime::PagePool> pool, engine.make_pool(positions));
  TERN_ASSIGN(std::unique_ptr<serve::Server> server, serve::Server::listen(flags.server));

  serve::Worker worker(engine, pool, flags.scheduler);
  serve::Service service{engine, worker};
  const fs::path path = flags.engine.model.empty() ? default_model() : flags.engine.model;
  service.model =
      !flags.name.empty() ? flags.name : (path.has_stem() ? path : path.parent_path()).stem().string();
  service.version = TERN_VERSION;
  service.fingerprint = fingerprint(flags);
  Expected<runtime::ChatTemplate> chat = chosen_template(flags.template_name, engine.model());
  if (chat) {
    if (!chat->note.empty()) print_warning(chat->note);
    service.chat = chat.take();
  } else {
    if (!flags.template_name.empty()) return chat.error();
    service.no_chat = chat.error().text();
  }
  service.post = [&server](std::function<void()> function) { server->post(std::move(function)); };

  const bool is_v6 = flags.server.address.find(':') != std::string::npos;
  fmt::print(stderr, "tern: serving {} at http://{}:{} ({} tokens of context, {} kernels)\n", service.model,
             is_v6 ? fmt::format("[{}]", flags.server.address) : flags.server.address, server->port(),
             flags.scheduler.context, session.kernels);
  server->start(service, true);
  worker.run();
  server->stop();
  return exit_ok;
}

}  // namespace

void add_serve(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command = app.add_subcommand("serve", "Serve a model to clients of the OpenAI API");
  add_engine_options(*command, flags->engine);
  serve::ServerOptions& server = flags->server;
  serve::SchedulerOptions& scheduler = flags->scheduler;
  command->add_option("--host", server.address, "Numeric address to listen on")->capture_default_str();
  command->add_option("--port", server.port, "Port to listen on; 0: one that is free")->capture_default_str();
  command->add_option("--api-key-file", flags->key_file,
                      "File of API keys, one a line ($TERN_API_KEY is one too)");
  command->add_flag("--allow-anyone", flags->allow_anyone, "Listen on an address of a network without a key");
  command->add_option("--host-name", server.hosts, "Name that clients may call this machine by (any number)");
  command->add_option("--cors-origin", server.origins, "Origin of pages that may read answers; '*': all");
  command->add_flag("--trust-forwarded", server.trust_forwarded,
                    "The last X-Forwarded-For is the client's address (behind a proxy)");
  command->add_option("--name", flags->name, "Name of the model (default: of its file)");
  command->add_option("--template", flags->template_name, template_help);
  command
      ->add_option("-c,--context", flags->context,
                   "Most tokens of a prompt with its answer (default: the model's, up to 8192)")
      ->check(CLI::Range(1, 1 << 24));
  command
      ->add_option("--kv-tokens", flags->kv_tokens,
                   "Tokens whose keys and values are kept, of all sequences (default: 4 contexts)")
      ->check(CLI::Range(1, 1 << 28));
  command->add_option("--sequences", scheduler.max_sequences, "Answers that are computed at once, at most")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--queue", scheduler.max_waiting, "Answers that wait, at most; more get status 429")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command
      ->add_option("--max-wait", scheduler.max_wait_seconds,
                   "Seconds after which a waiting answer is given up")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  command
      ->add_option("--latency-target", scheduler.latency_target,
                   "Seconds that a step may take while answers wait for their next token; 0: any")
      ->check(CLI::Range(0.0, 60.0))
      ->capture_default_str();
  command->add_flag("--no-prefix-cache", flags->no_prefix_cache, "Compute every prompt from its first token");
  command->add_option("--max-body", server.max_body_bytes, "Most bytes of a request")
      ->check(CLI::Range(1024, 1 << 30))
      ->capture_default_str();
  command->add_option("--connections", server.max_connections, "Most connections")->capture_default_str();
  command->add_option("--connections-per-address", server.max_connections_per_address, "Most of one address")
      ->capture_default_str();
  command->add_option("--request-timeout", server.request_seconds, "Seconds to send a request")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command->add_option("--drain", server.drain_seconds, "Seconds for running answers after SIGTERM")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  command->add_flag("--no-log", flags->no_log, "Do not log requests (the log never has prompts)");
  command->callback([flags, &exit_code] {
    const Expected<int> code = serve_model(*flags);
    exit_code = code ? *code : report(code.error());
  });
}

}  // namespace tern::tools
