#include "base/suggest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace tern {

int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> distance(b.size() + 1);  // from the prefix of `a` read so far to each prefix of `b`
  std::iota(distance.begin(), distance.end(), 0);
  for (const char letter : a) {
    int diagonal = distance[0]++;
    for (size_t i = 1; i <= b.size(); ++i) {
      const int replaced = diagonal + (letter != b[i - 1]);
      diagonal = distance[i];
      distance[i] = std::min({replaced, distance[i] + 1, distance[i - 1] + 1});
    }
  }
  return distance[b.size()];
}

std::string suggestion(std::string_view given, std::span<const std::string_view> known) {
  std::string_view nearest;
  int fewest = static_cast<int>(given.size()) / 3 + 2;
  for (const std::string_view candidate : known) {
    const int edits = edit_distance(given, candidate);
    if (edits < fewest) {
      fewest = edits;
      nearest = candidate;
    }
  }
  return nearest.empty() ? "" : " (did you mean '" + std::string(nearest) + "'?)";
}

}  // namespace tern
