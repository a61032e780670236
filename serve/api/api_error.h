// Errors as clients of the OpenAI API expect them.
#pragma once

#include <string>

#include "base/expected.h"
#include "serve/scheduler/scheduler.h"

namespace tern::serve {

struct ApiError {
  int status = 400;  // of HTTP
  std::string type = "invalid_request_error";
  std::string message;
  std::string param;       // the name of the parameter that is at fault; may be empty
  std::string code;        // for programs; may be empty
  double retry_after = 0;  // seconds; 0: another attempt will not help
};

// {"error": {"message", "type", "param", "code"}}, as JSON.
std::string error_body(const ApiError& error);

// The error for what the scheduler refuses: 400 for a prompt that never fits, 429 for a full queue, 503 for a
// wait that was too long and for a server that is shutting down.
ApiError api_error(const Refusal& refusal);
// 400 for an input that is at fault, 503 for a machine that lacks something, 500 for a bug.
ApiError api_error(const Error& error);

}  // namespace tern::serve
