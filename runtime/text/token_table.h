// The bytes that each token stands for, and the token that given bytes are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tern::runtime {

class TokenTable {
 public:
  // `bytes[id]` is what token `id` stands for. Only tokens with `findable[id]` are found by their bytes; of
  // several with the same bytes, the lowest id. Empty tokens are never found. Both lists have one length.
  TokenTable(std::vector<std::string> bytes, const std::vector<bool>& findable);

  // The index points into the strings: it may move with them, but not be copied.
  TokenTable(TokenTable&&) = default;
  TokenTable& operator=(TokenTable&&) = default;
  TokenTable(const TokenTable&) = delete;
  TokenTable& operator=(const TokenTable&) = delete;

  size_t size() const { return bytes_.size(); }
  const std::string& bytes(uint32_t id) const { return bytes_[id]; }

  // The id of exactly these bytes, or no_token.
  uint32_t find(std::string_view bytes) const;

 private:
  std::vector<std::string> bytes_;
  std::unordered_map<std::string_view, uint32_t> index_;
  size_t max_bytes_ = 0;  // bytes; spares hashing what can be no token
};

}  // namespace tern::runtime
