// Questions about a row of logits, answered with the same bits on every CPU.
#pragma once

#include <cstddef>
#include <span>

namespace tern::runtime {

// Whether every logit is finite. Infinities and NaN mean that a model, or its input, is broken.
bool all_finite(std::span<const float> logits);

// The index of the largest logit, the lowest such index where several are equal. Not empty, all finite.
size_t argmax(std::span<const float> logits);

// ln sum_i exp(logits[i]), added up in double in ascending order. Not empty, all finite.
double log_sum_exp(std::span<const float> logits);

// ln P(token) = logits[token] - log_sum_exp(logits).
double log_softmax(std::span<const float> logits, size_t token);

}  // namespace tern::runtime
