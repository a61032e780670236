// One client: its requests, one after another.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "serve/api/service.h"
#include "serve/http/server_options.h"

namespace tern::serve {

// All functions are called on the server's thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `on_end` is called when the connection is done with. The others must outlive it.
  Connection(boost::asio::ip::tcp::socket socket, std::string address, const ServerOptions& options,
             Service& service, std::function<void(Connection*)> on_end);
  ~Connection();

  void read();
  // Closes when the answer has been sent, or now if there is none.
  void drain();
  // Closes now, and cancels the answer.
  void close();
  bool is_answering() const { return answering_; }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void on_read(boost::beast::error_code problem);
  void refuse(int status, const std::string& message);
  void answer();
  bool may_ask(const Parser::value_type& request, std::string& client);
  void watch();
  void send_reply(const Reply& reply);
  void begin_stream(const std::string& content_type);
  void send_piece(const std::string& piece);
  void end_answer();
  std::string head(int status, const std::string& content_type) const;
  void write(std::string bytes);
  void write_next();
  void log() const;

  boost::beast::tcp_stream stream_;
  const std::string address_;
  const ServerOptions& options_;
  Service& service_;
  std::function<void(Connection*)> on_end_;

  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Cancel cancel_;
  std::deque<std::string> unsent_;
  size_t unsent_bytes_ = 0;
  bool answering_ = false;  // a request has been read, and its answer is not complete
  bool writing_ = false, watching_ = false, closed_ = false, closes_after_answer_ = false;
  bool chunked_ = false;
  uint64_t answer_number_ = 0;  // outlets of earlier answers do nothing

  // Of the present request.
  std::string method_, path_, allowed_origin_;
  bool is_head_ = false, keeps_alive_ = false, is_http_1_0_ = false;
  int status_ = 0;
  size_t sent_bytes_ = 0;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace tern::serve
