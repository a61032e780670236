// A hash that is the same in every run, on every machine and in every version: names of files, keys of caches
// and checksums are made of it.
#pragma once

#include <cstdint>
#include <string_view>

namespace tern {

// FNV-1a of 64 bits (Fowler, Noll and Vo; draft-eastlake-fnv). A change of any one byte changes it, always:
// each step is a bijection of the state.
constexpr uint64_t fnv1a(std::string_view bytes) {
  uint64_t state = 0xcbf29ce484222325u;
  for (const char c : bytes) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return state;
}

}  // namespace tern
