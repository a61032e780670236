#include "serve/http/access.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cctype>

namespace tern::serve {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// A Host header without its port.
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    return end == host.npos ? std::string_view() : host.substr(1, end - 1);
  }
  return host.substr(0, host.find(':'));
}

}  // namespace

bool is_loopback(const std::string& address) {
  boost::system::error_code problem;
  const auto parsed = boost::asio::ip::make_address(address, problem);
  return !problem && parsed.is_loopback();
}

bool is_equal_in_constant_time(std::string_view a, std::string_view b) {
  // The volatile keeps the compiler from leaving the loop at the first difference.
  volatile unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    const char other = b.empty() ? '\0' : b[i % b.size()];
    difference = static_cast<unsigned char>(difference | static_cast<unsigned char>(a[i] ^ other));
  }
  return difference == 0;
}

int find_key(const ServerOptions& options, std::string_view authorization, std::string_view x_api_key) {
  std::string_view shown = x_api_key;
  if (lower(authorization.substr(0, 7)) == "bearer ") shown = authorization.substr(7);
  int found = -1;
  for (size_t i = 0; i < options.keys.size(); ++i) {
    if (is_equal_in_constant_time(shown, options.keys[i])) found = static_cast<int>(i);
  }
  return found;
}

bool is_own_host(const ServerOptions& options, std::string_view host) {
  const std::string name = lower(without_port(host));
  if (name.empty()) return false;
  if (name == "localhost" || is_loopback(name) || name == options.address) return true;
  return std::ranges::any_of(options.hosts, [&](const std::string& each) { return lower(each) == name; });
}

bool is_allowed_origin(const ServerOptions& options, std::string_view origin) {
  return std::ranges::any_of(options.origins,
                             [&](const std::string& each) { return each == "*" || each == origin; });
}

}  // namespace tern::serve
