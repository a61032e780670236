#include "runtime/generate/embed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tern::runtime {

Expected<std::vector<float>> embed(Engine& engine, std::span<const uint32_t> tokens, Pooling pooling) {
  if (tokens.empty()) return Error{"there is no token to embed", {}};
  const uint32_t vocabulary = engine.model().hyperparameters.vocabulary_size;
  for (const uint32_t token : tokens) {
    if (token >= vocabulary) return Error{fmt::format("the model has no token {}", token), {}};
  }
  TERN_ASSIGN(Sequence sequence, engine.make_sequence(tokens.size()));
  const bool mean = pooling == Pooling::mean;
  const auto most = static_cast<size_t>(engine.plan().buckets().max());
  std::vector<double> sums(engine.model().hyperparameters.embedding_length);
  for (size_t first = 0; first < tokens.size(); first += most) {
    const SequenceTokens part{&sequence, tokens.subspan(first, std::min(most, tokens.size() - first)), mean};
    TERN_ASSIGN(const Logits rows, engine.embed({&part, 1}));
    if (!mean) std::ranges::fill(sums, 0);
    for (size_t row = 0; row < rows.rows(); ++row) {
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += static_cast<double>(rows[row][i]);
    }
  }
  double squares = 0;
  for (const double sum : sums) squares += sum * sum;
  const double length = squares > 0 ? std::sqrt(squares) : 1;
  std::vector<float> vector;
  for (const double sum : sums) vector.push_back(static_cast<float>(sum / length));
  return vector;
}

}  // namespace tern::runtime
