#include "serve/http/connection.h"

#include <fmt/format.h>

#include <boost/asio/write.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "serve/http/access.h"

namespace tern::serve {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

std::chrono::steady_clock::duration seconds(double count) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(count));
}

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, std::string address, const ServerOptions& options,
                       Service& service, std::function<void(Connection*)> on_end)
    : stream_(std::move(socket)),
      address_(std::move(address)),
      options_(options),
      service_(service),
      on_end_(std::move(on_end)),
      buffer_(options.max_header_bytes + options.max_body_bytes) {
  beast::error_code ignored;
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  stream_.socket().non_blocking(true, ignored);  // for watch(), which looks without waiting
}

Connection::~Connection() = default;

void Connection::read() {
  if (closed_) return;
  parser_.emplace();
  parser_->header_limit(options_.max_header_bytes);
  parser_->body_limit(options_.max_body_bytes);
  stream_.expires_after(seconds(options_.request_seconds));
  http::async_read(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](beast::error_code problem, size_t) { self->on_read(problem); });
}

void Connection::on_read(beast::error_code problem) {
  if (closed_) return;
  began_ = std::chrono::steady_clock::now();
  if (problem == http::error::body_limit) {
    return refuse(413, fmt::format("a request may have {} bytes", options_.max_body_bytes));
  }
  if (problem == http::error::header_limit)
    return refuse(431, fmt::format("the header may have {} bytes", options_.max_header_bytes));
  const bool is_malformed = problem &&
                            problem.category() == http::make_error_code(http::error::bad_method).category() &&
                            problem != http::error::end_of_stream && problem != http::error::partial_message;
  if (is_malformed) return refuse(400, "this is no HTTP request");
  if (problem) return close();
  answer();
}

// Answers what cannot be read further, and closes.
void Connection::refuse(int status, const std::string& message) {
  method_ = path_ = "?";
  is_http_1_0_ = keeps_alive_ = is_head_ = false;
  allowed_origin_.clear();
  answering_ = true;
  ApiError error;
  error.status = status;
  error.message = message;
  send_reply(error_reply(error));
}

// Sends a refusal and returns false, or finds out who asks.
bool Connection::may_ask(const Parser::value_type& request, std::string& client) {
  const auto refuse_with = [&](int status, const char* type, const char* code, std::string message) {
    ApiError error;
    error.status = status;
    error.type = type;
    error.code = code;
    error.message = std::move(message);
    send_reply(error_reply(error));
    return false;
  };
  if (options_.keys.empty() && !is_own_host(options_, view(request[http::field::host]))) {
    return refuse_with(403, "permission_error", "unknown_host",
                       "the Host header names another machine (--host-name allows a name)");
  }
  client = address_;
  if (options_.trust_forwarded) {
    const std::string_view forwarded = view(request["X-Forwarded-For"]);
    if (!forwarded.empty()) {
      std::string_view last = forwarded.substr(forwarded.rfind(',') + 1);
      while (last.starts_with(' ')) last.remove_prefix(1);
      client = std::string(last.substr(0, 64));
    }
  }
  const bool needs_key = !options_.keys.empty() && path_ != "/health" && path_ != "/ready";
  if (!needs_key) return true;
  const int key = find_key(options_, view(request[http::field::authorization]), view(request["x-api-key"]));
  if (key < 0) {
    return refuse_with(401, "authentication_error", "invalid_api_key",
                       "this server needs an API key: Authorization: Bearer KEY");
  }
  client = fmt::format("key {}", key);
  return true;
}

void Connection::answer() {
  const Parser::value_type& request = parser_->get();
  answering_ = true;
  ++answer_number_;
  method_ = view(request.method_string());
  const std::string_view target = view(request.target());
  path_ = target.substr(0, target.find('?'));
  is_head_ = request.method() == http::verb::head;
  is_http_1_0_ = request.version() < 11;
  keeps_alive_ = request.keep_alive() && !is_http_1_0_;
  const std::string_view origin = view(request[http::field::origin]);
  allowed_origin_.clear();
  if (!origin.empty() && is_allowed_origin(options_, origin)) allowed_origin_ = origin;

  if (request.method() == http::verb::options && !allowed_origin_.empty()) {
    Reply reply{.status = 204};
    reply.headers = {{"Access-Control-Allow-Methods", "GET, POST, OPTIONS"},
                     {"Access-Control-Allow-Headers",
                      "authorization, content-type, x-api-key, "
                      "anthropic-version"},
                     {"Access-Control-Max-Age", "600"}};
    return send_reply(reply);
  }
  ApiRequest api{method_, path_, {}, {}};
  if (!may_ask(request, api.client)) return;
  api.body = std::move(parser_->get().body());
  stream_.expires_never();
  watch();
  // An outlet may be used after its connection has gone on: it then does nothing.
  const auto guarded = [self = shared_from_this(), number = answer_number_](auto function) {
    return [self, number, function](auto&&... arguments) {
      if (self->closed_ || self->answer_number_ != number || !self->answering_) return;
      (*self.*function)(arguments...);
    };
  };
  Cancel cancel = handle(service_, api,
                         {.reply = guarded(&Connection::send_reply),
                          .begin = guarded(&Connection::begin_stream),
                          .piece = guarded(&Connection::send_piece),
                          .end = guarded(&Connection::end_answer)});
  if (answering_ && !closed_) cancel_ = std::move(cancel);
}

// Notices that the client has gone, while it waits for an answer.
void Connection::watch() {
  if (watching_ || closed_) return;
  watching_ = true;
  stream_.socket().async_wait(asio::ip::tcp::socket::wait_read,
                              [self = shared_from_this()](beast::error_code problem) {
                                self->watching_ = false;
                                if (problem || self->closed_ || !self->answering_) return;
                                char byte;
                                beast::error_code peeked;
                                const size_t count = self->stream_.socket().receive(
                                    asio::buffer(&byte, 1), asio::ip::tcp::socket::message_peek, peeked);
                                if (peeked == asio::error::would_block) return self->watch();
                                // A next request that is here already keeps the socket readable: it is not
                                // looked at again.
                                if (peeked || count == 0) self->close();
                              });
}

std::string Connection::head(int status, const std::string& content_type) const {
  const beast::string_view reason = http::obsolete_reason(static_cast<http::status>(status));
  std::string text = fmt::format("HTTP/1.1 {} {}\r\nServer: tern\r\n", status, view(reason));
  if (!content_type.empty()) text += fmt::format("Content-Type: {}\r\n", content_type);
  if (!allowed_origin_.empty())
    text += fmt::format("Access-Control-Allow-Origin: {}\r\nVary: Origin\r\n", allowed_origin_);
  text += "X-Content-Type-Options: nosniff\r\n";
  if (!keeps_alive_ || closes_after_answer_) text += "Connection: close\r\n";
  return text;
}

void Connection::send_reply(const Reply& reply) {
  status_ = reply.status;
  const bool has_body = reply.status != 204;
  std::string text = head(reply.status, has_body ? reply.content_type : "");
  for (const auto& [name, value] : reply.headers) text += fmt::format("{}: {}\r\n", name, value);
  if (has_body) text += fmt::format("Content-Length: {}\r\n", reply.body.size());
  text += "\r\n";
  if (has_body && !is_head_) text += reply.body;
  write(std::move(text));
  end_answer();
}

void Connection::begin_stream(const std::string& content_type) {
  status_ = 200;
  chunked_ = !is_http_1_0_;
  std::string text = head(200, content_type) + "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n";
  if (chunked_) text += "Transfer-Encoding: chunked\r\n";
  write(text + "\r\n");
}

void Connection::send_piece(const std::string& piece) {
  if (piece.empty()) return;
  write(chunked_ ? fmt::format("{:x}\r\n{}\r\n", piece.size(), piece) : piece);
}

void Connection::end_answer() {
  if (chunked_) write("0\r\n\r\n");
  chunked_ = false;
  answering_ = false;
  cancel_ = {};
  log();
  if (!writing_) write_next();
}

void Connection::write(std::string bytes) {
  if (closed_) return;
  unsent_bytes_ += bytes.size();
  sent_bytes_ += bytes.size();
  unsent_.push_back(std::move(bytes));
  // What is written at once, such as a long reply, is one string: it has no bound but its own.
  if (unsent_.size() > 1 && unsent_bytes_ > options_.max_unread_bytes) return close();
  if (!writing_) write_next();
}

void Connection::write_next() {
  if (closed_) return;
  if (unsent_.empty()) {
    writing_ = false;
    if (answering_) return;
    sent_bytes_ = 0;
    if (!keeps_alive_ || closes_after_answer_) return close();
    return read();
  }
  writing_ = true;
  stream_.expires_after(seconds(options_.write_seconds));
  asio::async_write(stream_, asio::buffer(unsent_.front()),
                    [self = shared_from_this()](beast::error_code problem, size_t) {
                      if (self->closed_) return;
                      if (problem) return self->close();
                      self->stream_.expires_never();
                      self->unsent_bytes_ -= self->unsent_.front().size();
                      self->unsent_.pop_front();
                      self->write_next();
                    });
}

void Connection::drain() {
  closes_after_answer_ = true;
  if (!answering_ && !writing_) close();
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();
  if (answering_ && status_ == 0) status_ = 499;  // as nginx calls a client that has gone
  if (answering_) log();
  answering_ = false;
  if (cancel_) std::exchange(cancel_, {})();
  beast::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  stream_.close();
  on_end_(this);
}

void Connection::log() const {
  if (!options_.log) return;
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  const nlohmann::json line = {{"time", std::time(nullptr)},
                               {"address", address_},
                               {"method", method_},
                               {"path", path_.substr(0, 200)},
                               {"status", status_},
                               {"bytes", sent_bytes_},
                               {"seconds", took}};
  fmt::print(stderr, "{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace tern::serve
