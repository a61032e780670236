#include "serve/api/json_text.h"

#include <nlohmann/json.hpp>

namespace tern::serve {

std::string json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string sent_event(const nlohmann::json& value, const std::string& name) {
  std::string text;
  if (!name.empty()) text.append("event: ").append(name).append("\n");
  return text.append("data: ").append(json_text(value)).append("\n\n");
}

}  // namespace tern::serve
