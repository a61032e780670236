#include "runtime/text/token_table.h"

#include <algorithm>
#include <cassert>

#include "runtime/text/merge_queue.h"

namespace tern::runtime {

TokenTable::TokenTable(std::vector<std::string> bytes, const std::vector<bool>& findable)
    : bytes_(std::move(bytes)) {
  assert(bytes_.size() == findable.size());
  index_.reserve(bytes_.size());
  for (size_t id = 0; id < bytes_.size(); ++id) {
    if (!findable[id] || bytes_[id].empty()) continue;
    index_.emplace(bytes_[id], static_cast<uint32_t>(id));
    max_bytes_ = std::max(max_bytes_, bytes_[id].size());
  }
}

uint32_t TokenTable::find(std::string_view bytes) const {
  if (bytes.size() > max_bytes_) return no_token;
  const auto found = index_.find(bytes);
  return found == index_.end() ? no_token : found->second;
}

}  // namespace tern::runtime
