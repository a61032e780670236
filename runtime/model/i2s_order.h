// Which of its two orders the codes of an I2_S model have, which no file states, by what trained weights
// show.
//
// With rows that are whole blocks of 128, reading the other order permutes the columns of every matrix within
// each block of 128, alike in all rows and tensors, and changes nothing else: no statistic of one matrix
// alone tells the orders apart, as nothing says which channel of a model comes before which. But a channel
// that one matrix reads as a column is a row of another matrix, or an element of a norm, and neither rows nor
// norms depend on the order. In trained models a channel that matters little has many zeros wherever it
// occurs. So profiles are compared whose channels are the same:
//
//   columns of                    zeros a row of                          and the norm
//   query, key, value             attention_output + down, all layers     attention_norm
//   gate, up                      attention_output + down, all layers     feed_forward_norm
//   attention_output              value (of the head's key-value head)    attention_sub_norm
//   down                          gate + up                               feed_forward_sub_norm
//
// Of each pair, z is Spearman's correlation within blocks of 128, times the square root of its degrees of
// freedom: with the ranks a and b (ties averaged) less their means,
//
//   z = sum(a * b) / sqrt(sum over blocks of sum(a^2) * sum(b^2) / 127).
//
// Where columns of a block are exchangeable, as those of random weights are, z has the mean 0 and the
// variance 1 whichever order b is read in. The evidence for an order is the sum of z^2 over P pairs, and
// blocks of 64 are found if theirs is larger by more than 32 + 12 * sqrt(P): 6 standard deviations of the
// difference, which are 2 * sqrt(P), and more for small P, where it has the tails of an exponential.
//
// Measured: no false positive in 4,000 random models of 2 layers of width 128 to 384, whose rows are Gaussian
// weights with a scale a row and a column, all scales independent, ternarised by their mean magnitude. Each
// has 28 pairs; the largest difference was 34 where 95 are asked for. The trained model in the box has 84
// pairs, whose evidence is 6057 for its order and 355 for the other, where a difference of 142 is asked for.
// tests/runtime/model/i2s_order_test.cpp repeats 300 of the random ones.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/model/model.h"

namespace tern::runtime {

struct I2sEvidence {
  size_t pairs = 0;  // of profiles; 0 where nothing can be compared
  double for_128 = 0, for_64 = 0;
  bool is_64() const;
};

// Weighs the I2_S matrices of up to 8 layers, evenly chosen, whose rows are whole blocks of 128. Reads their
// codes once; ignores the order that they are marked with.
I2sEvidence weigh_i2s_orders(const Model& model);

// z of two profiles of the same channels, a multiple of 128 of them; 0 if one of them is constant.
double profile_agreement(std::span<const float> a, std::span<const float> b);

}  // namespace tern::runtime
