// A client for tests, on sockets alone: what it sends may be any bytes.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace tern::serve {

struct HttpAnswer {
  int status = 0;  // 0: the connection ended before there was an answer
  std::map<std::string, std::string> headers;
  std::string body;  // without the frames of chunks
};

// One connection to a port of this machine. A receive waits for 20 seconds at most.
class HttpClient {
 public:
  explicit HttpClient(uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval limit = {.tv_sec = 20, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient() { close(socket_); }

  bool connected() const { return connected_; }
  bool send(const std::string& bytes) {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t count = ::send(socket_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (count <= 0) return false;
      done += static_cast<size_t>(count);
    }
    return true;
  }
  // Reads until `end` has come; all that was read and not taken so far, up to it. Nothing if it does not
  // come.
  std::optional<std::string> read_until(const std::string& end) {
    while (true) {
      const size_t place = read_.find(end);
      if (place != read_.npos) return take(place + end.size());
      if (!read_more()) return std::nullopt;
    }
  }
  // Whether the server ends the connection before it says anything more.
  bool is_closed() { return read_.empty() && !read_more(); }

  HttpAnswer read_answer() {
    HttpAnswer answer;
    const std::optional<std::string> head = read_until("\r\n\r\n");
    if (!head) return answer;
    answer.status = std::atoi(head->c_str() + 9);
    for (size_t at = head->find("\r\n") + 2; at + 2 < head->size();) {
      const size_t end = head->find("\r\n", at), colon = head->find(": ", at);
      answer.headers[head->substr(at, colon - at)] = head->substr(colon + 2, end - colon - 2);
      at = end + 2;
    }
    if (answer.headers.contains("Transfer-Encoding")) {
      while (true) {
        const std::optional<std::string> size = read_until("\r\n");
        if (!size) break;
        const size_t bytes = std::strtoul(size->c_str(), nullptr, 16);
        while (read_.size() < bytes + 2 && read_more()) continue;
        answer.body += take(bytes);
        take(2);
        if (bytes == 0) break;
      }
    } else if (answer.headers.contains("Content-Length")) {
      const size_t bytes = std::strtoul(answer.headers["Content-Length"].c_str(), nullptr, 10);
      while (read_.size() < bytes && read_more()) continue;
      answer.body = take(bytes);
    }
    return answer;
  }

 private:
  std::string take(size_t bytes) {
    std::string taken = read_.substr(0, bytes);
    read_.erase(0, bytes);
    return taken;
  }
  bool read_more() {
    char buffer[4096];
    const ssize_t count = recv(socket_, buffer, sizeof buffer, 0);
    if (count > 0) read_.append(buffer, static_cast<size_t>(count));
    return count > 0;
  }

  int socket_;
  bool connected_ = false;
  std::string read_;
};

inline std::string http_request(const std::string& method, const std::string& path,
                                const std::string& body = {},
                                const std::string& headers = "Host: localhost\r\n") {
  return method + " " + path + " HTTP/1.1\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

inline HttpAnswer ask_http(uint16_t port, const std::string& method, const std::string& path,
                           const std::string& body = {}, const std::string& headers = "Host: localhost\r\n") {
  HttpClient client(port);
  client.send(http_request(method, path, body, headers));
  return client.read_answer();
}

}  // namespace tern::serve
