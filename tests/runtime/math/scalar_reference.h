// What runtime/math/float_ops.h and runtime/math/attention.h promise, written down with plain scalars.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace tern::runtime::reference {

// The sum over a row in the order of float_ops.h: rule 2, word for word.
inline float sum(const std::vector<float>& terms) {
  std::vector<float> sums;
  for (size_t begin = 0; begin < terms.size(); begin += 256) {
    std::array<float, 32> s{};
    for (size_t i = begin; i < std::min(begin + 256, terms.size()); ++i) s[i % 32] += terms[i];
    for (size_t half = 16; half > 0; half /= 2) {
      for (size_t l = 0; l < half; ++l) s[l] += s[l + half];
    }
    sums.push_back(s[0]);
  }
  for (size_t stride = 1; stride < sums.size(); stride *= 2) {
    for (size_t i = 0; i + stride < sums.size(); i += 2 * stride) sums[i] += sums[i + stride];
  }
  return sums[0];
}

inline float exp(float x) {
  if (std::isnan(x)) return x;
  if (x < -87.33f) return 0.0f;
  if (x > 88.72283f) return INFINITY;
  const float n = std::nearbyint(x * 1.44269504f);
  float r = x - n * 0.693145751953125f;
  r = r - n * 1.42860677e-6f;
  float y = 1.0f / 5040;
  for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 1.0f / 2, 1.0f, 1.0f}) y = y * r + c;
  return std::ldexp(y, static_cast<int>(n));
}

inline std::vector<float> rms_norm(const std::vector<float>& x, const std::vector<float>& weight,
                                   float epsilon) {
  std::vector<float> squares;
  for (const float v : x) squares.push_back(v * v);
  const float mean = sum(squares) / static_cast<float>(x.size());
  const float r = 1.0f / std::sqrt(mean + epsilon);
  std::vector<float> out;
  for (size_t i = 0; i < x.size(); ++i) out.push_back((x[i] * r) * weight[i]);
  return out;
}

struct Quantized {
  std::vector<int8_t> values;
  int32_t sum = 0;
  float scale = 0;
  bool operator==(const Quantized&) const = default;
};

inline Quantized quantize_row(const std::vector<float>& x, size_t padded_size) {
  float largest = 1e-5f;
  for (const float v : x) largest = std::max(largest, std::fabs(v));
  Quantized out{std::vector<int8_t>(padded_size), 0, 127.0f / largest};
  for (size_t i = 0; i < x.size(); ++i) {
    const float rounded = std::clamp(std::nearbyint(x[i] * out.scale), -128.0f, 127.0f);
    out.values[i] = static_cast<int8_t>(rounded);
    out.sum += out.values[i];
  }
  return out;
}

inline std::vector<float> relu_squared_gate(const std::vector<float>& gate, const std::vector<float>& up) {
  std::vector<float> out;
  for (size_t i = 0; i < gate.size(); ++i) {
    const float r = gate[i] < 0 ? 0.0f : gate[i];
    out.push_back((r * r) * up[i]);
  }
  return out;
}

inline std::vector<float> silu_gate(const std::vector<float>& gate, const std::vector<float>& up) {
  std::vector<float> out;
  for (size_t i = 0; i < gate.size(); ++i) out.push_back((gate[i] / (1.0f + exp(-gate[i]))) * up[i]);
  return out;
}

inline std::vector<float> limited_silu_gate(std::vector<float> gate, std::vector<float> up, float limit) {
  for (float& g : gate) g = g > limit ? limit : g;
  for (float& u : up) u = u > limit ? limit : u < -limit ? -limit : u;
  return silu_gate(gate, up);
}

inline std::vector<float> gelu_gate(const std::vector<float>& gate, const std::vector<float>& up) {
  std::vector<float> out;
  for (size_t i = 0; i < gate.size(); ++i) {
    const float g = gate[i], polynomial = g * (1.0f + (g * g) * 0.044715f);
    out.push_back((g / (1.0f + exp(-(polynomial * 1.5957691216057308f)))) * up[i]);
  }
  return out;
}

// One head at a time of one row, by the formulas of attention.h; the cache is [position][dimension], already
// rounded as it is stored.
inline std::vector<float> attention(const std::vector<float>& query,
                                    const std::vector<std::vector<float>>& keys,
                                    const std::vector<std::vector<float>>& values, size_t length, float scale,
                                    size_t window = 0) {
  const size_t seen = window == 0 || window >= length ? 0 : length - window;
  const size_t first = seen / 256 * 256;
  float combined_maximum = 0, combined_total = 0;
  std::vector<float> combined;
  for (size_t begin = first; begin < length; begin += 256) {
    const size_t end = std::min(begin + 256, length);
    std::vector<float> weights;
    for (size_t p = begin; p < end; ++p) {
      float score = 0;
      for (size_t i = 0; i < query.size(); ++i) score += query[i] * keys[p][i];
      weights.push_back(p < seen ? -INFINITY : score * scale);
    }
    const float maximum = *std::max_element(weights.begin(), weights.end());
    for (float& weight : weights) weight = exp(weight - maximum);
    const float total = sum(weights);
    std::vector<float> out(query.size());
    for (size_t p = begin; p < end; ++p) {
      for (size_t i = 0; i < out.size(); ++i) out[i] += weights[p - begin] * values[p][i];
    }
    if (begin == first) {
      combined = out, combined_maximum = maximum, combined_total = total;
      continue;
    }
    const float both = std::max(combined_maximum, maximum);
    const float f = exp(combined_maximum - both), g = exp(maximum - both);
    combined_maximum = both;
    combined_total = combined_total * f + total * g;
    for (size_t i = 0; i < out.size(); ++i) combined[i] = combined[i] * f + out[i] * g;
  }
  for (float& o : combined) o /= combined_total;
  return combined;
}

}  // namespace tern::runtime::reference
