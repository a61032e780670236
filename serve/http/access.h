// Who may ask, as functions of what a request says.
#pragma once

#include <string>
#include <string_view>

#include "serve/http/server_options.h"

namespace tern::serve {

// Whether two texts are equal, in a time that depends on their lengths alone.
bool is_equal_in_constant_time(std::string_view a, std::string_view b);

// The number of the key that a request shows, from 0; -1 if it shows none that is right. `authorization` is
// the header of that name ("Bearer KEY"), `x_api_key` the one that Anthropic's clients send. Every key is
// compared, whichever is right.
int find_key(const ServerOptions& options, std::string_view authorization, std::string_view x_api_key);

// Whether a Host header names this machine: see ServerOptions::hosts. An empty one is refused.
bool is_own_host(const ServerOptions& options, std::string_view host);

// Whether pages of an origin may read answers.
bool is_allowed_origin(const ServerOptions& options, std::string_view origin);

}  // namespace tern::serve
