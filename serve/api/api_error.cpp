#include "serve/api/api_error.h"

#include <nlohmann/json.hpp>

#include "serve/api/json_text.h"

namespace tern::serve {

using nlohmann::json;

std::string error_body(const ApiError& error) {
  const auto or_null = [](const std::string& text) { return text.empty() ? json() : json(text); };
  return json_text({{"error",
                     {{"message", error.message},
                      {"type", error.type},
                      {"param", or_null(error.param)},
                      {"code", or_null(error.code)}}}});
}

ApiError api_error(const Refusal& refusal) {
  ApiError error;
  error.message = refusal.message;
  error.retry_after = refusal.retry_after;
  switch (refusal.reason) {
    case RefusalReason::too_long: error.code = "context_length_exceeded"; break;
    case RefusalReason::queue_full:
      error.status = 429;
      error.type = "rate_limit_error";
      error.code = "queue_full";
      break;
    case RefusalReason::waited_too_long:
    case RefusalReason::draining:
      error.status = 503;
      error.type = "server_error";
      error.code = "overloaded";
      break;
  }
  return error;
}

ApiError api_error(const Error& error) {
  ApiError result;
  result.message = error.text();
  switch (error.kind) {
    case ErrorKind::input: break;
    case ErrorKind::machine:
    case ErrorKind::interrupted:
      result.status = 503;
      result.type = "server_error";
      result.retry_after = 1;
      break;
    case ErrorKind::bug:
      result.status = 500;
      result.type = "server_error";
      break;
  }
  return result;
}

}  // namespace tern::serve
