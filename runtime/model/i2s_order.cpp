#include "runtime/model/i2s_order.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "runtime/tensor/bytes.h"
#include "runtime/tensor/i2_s.h"

namespace tern::runtime {
namespace {

constexpr size_t block = 128, block_bytes = block / 4;
constexpr size_t most_layers = 8, most_rows = 1024;

using Profile = std::vector<float>;  // a number for each channel; empty: unknown

bool can_weigh(const Tensor& tensor) {
  return tensor.type == TensorType::i2_s && tensor.k % block == 0 && tensor.count == 1;
}

const Tensor* find(const Weights& weights, WeightRole role) {
  const auto found = weights.matrices.find(role);
  return found != weights.matrices.end() && can_weigh(found->second) ? &found->second : nullptr;
}

// How many weights of each row are 0: the same in both orders.
Profile zeros_of_rows(const Weights& weights, WeightRole role) {
  const Tensor* tensor = find(weights, role);
  if (!tensor) return {};
  constexpr uint64_t low_bits = 0x5555555555555555u;
  const size_t row_bytes = tensor->k / 4;
  Profile zeros(tensor->n);
  for (size_t row = 0; row < tensor->n; ++row) {
    const std::byte* codes = tensor->data.data() + row * row_bytes;
    int count = 0;
    for (size_t at = 0; at < row_bytes; at += 8) {
      const auto word = load<uint64_t>(codes + at);
      count += std::popcount(word & ~(word >> 1) & low_bits);
    }
    zeros[row] = static_cast<float>(count);
  }
  return zeros;
}

// How many weights of each column are 0, in up to most_rows rows, read in blocks of 128.
Profile zeros_of_columns(const Tensor& tensor) {
  const size_t row_bytes = tensor.k / 4, step = std::max<size_t>(1, tensor.n / most_rows);
  std::vector<uint32_t> zeros(tensor.k);
  for (size_t row = 0; row < tensor.n; row += step) {
    const std::byte* codes = tensor.data.data() + row * row_bytes;
    for (size_t b = 0; b < row_bytes / block_bytes; ++b) {
      uint32_t* of_block = zeros.data() + b * block;
      for (size_t p = 0; p < block_bytes; ++p) {
        const auto byte = std::to_integer<uint32_t>(codes[b * block_bytes + p]);
        const uint32_t zero = byte & ~(byte >> 1);
        for (size_t lane = 0; lane < 4; ++lane)
          of_block[lane * block_bytes + p] += zero >> (6 - 2 * lane) & 1;
      }
    }
  }
  return {zeros.begin(), zeros.end()};
}

// What was read in blocks of 128 as blocks of 64 would have been read.
Profile as_blocks_of_64(std::span<const float> columns) {
  Profile moved(columns.size());
  for (size_t i = 0; i < columns.size(); ++i)
    moved[element_at(bits_of(i, I2sOrder::blocks_of_128), I2sOrder::blocks_of_64)] = columns[i];
  return moved;
}

// Ranks less their mean; equal values share the mean of their ranks.
std::vector<double> centred_ranks(std::span<const float> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  const double mean = static_cast<double>(values.size() - 1) / 2;
  for (size_t first = 0, end = 0; first < order.size(); first = end) {
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    for (size_t i = first; i < end; ++i) ranks[order[i]] = static_cast<double>(first + end - 1) / 2 - mean;
  }
  return ranks;
}

void add_to(Profile& sum, const Profile& more) {
  if (sum.empty()) sum.resize(more.size());
  for (size_t i = 0; i < std::min(sum.size(), more.size()); ++i) sum[i] += more[i];
}

// The rows of `value` in the order in which attention_output reads the heads that share them.
Profile for_all_heads(const Profile& rows, const Hyperparameters& h) {
  if (rows.size() != h.key_value_length()) return {};
  const size_t shared = h.head_count / h.head_count_kv;
  Profile all(h.query_length());
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t head = i / h.head_dimension;
    all[i] = rows[head / shared * h.head_dimension + i % h.head_dimension];
  }
  return all;
}

class Evidence {
 public:
  // Compares the columns of a matrix, if there is such a one, with profiles of its inputs.
  void weigh(const Weights& weights, WeightRole role, const std::vector<Profile>& profiles) {
    const Tensor* tensor = find(weights, role);
    if (!tensor) return;
    const Profile columns = zeros_of_columns(*tensor), other = as_blocks_of_64(columns);
    for (const Profile& profile : profiles) {
      if (profile.size() != columns.size() ||
          std::ranges::adjacent_find(profile, std::ranges::not_equal_to()) == profile.end())
        continue;
      ++found.pairs;
      found.for_128 += std::pow(profile_agreement(profile, columns), 2);
      found.for_64 += std::pow(profile_agreement(profile, other), 2);
    }
  }

  I2sEvidence found;
};

Profile magnitudes(const Weights& weights, WeightRole role) {
  const auto norm = weights.norms.find(role);
  if (norm == weights.norms.end()) return {};
  Profile profile = norm->second;
  for (float& value : profile) value = std::fabs(value);
  return profile;
}

}  // namespace

double profile_agreement(std::span<const float> a, std::span<const float> b) {
  double together = 0, variance = 0;
  for (size_t first = 0; first < a.size(); first += block) {
    const std::vector<double> x = centred_ranks(a.subspan(first, block)),
                              y = centred_ranks(b.subspan(first, block));
    together += std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
    variance += std::inner_product(x.begin(), x.end(), x.begin(), 0.0) *
                std::inner_product(y.begin(), y.end(), y.begin(), 0.0) / (block - 1);
  }
  return variance > 0 ? together / std::sqrt(variance) : 0;
}

bool I2sEvidence::is_64() const {
  return for_64 - for_128 > 32 + 12 * std::sqrt(static_cast<double>(pairs));
}

I2sEvidence weigh_i2s_orders(const Model& model) {
  std::vector<const Weights*> layers;
  const size_t step = (model.layers.size() + most_layers - 1) / most_layers;
  for (size_t i = 0; i < model.layers.size(); i += step) layers.push_back(&model.layers[i]);
  Profile hidden;  // how little the channels of the hidden state are written
  for (const Weights* layer : layers) {
    add_to(hidden, zeros_of_rows(*layer, WeightRole::attention_output));
    add_to(hidden, zeros_of_rows(*layer, WeightRole::down));
  }
  Evidence evidence;
  for (const Weights* layer : layers) {
    for (const WeightRole role : {WeightRole::query, WeightRole::key, WeightRole::value})
      evidence.weigh(*layer, role, {hidden, magnitudes(*layer, WeightRole::attention_norm)});
    Profile inner;
    for (const WeightRole role : {WeightRole::gate, WeightRole::up}) {
      evidence.weigh(*layer, role, {hidden, magnitudes(*layer, WeightRole::feed_forward_norm)});
      add_to(inner, zeros_of_rows(*layer, role));
    }
    evidence.weigh(*layer, WeightRole::attention_output,
                   {for_all_heads(zeros_of_rows(*layer, WeightRole::value), model.hyperparameters),
                    magnitudes(*layer, WeightRole::attention_sub_norm)});
    evidence.weigh(*layer, WeightRole::down, {inner, magnitudes(*layer, WeightRole::feed_forward_sub_norm)});
  }
  return evidence.found;
}

}  // namespace tern::runtime
