#include "runtime/math/float_ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

#include "ir/half.h"
#include "scalar_reference.h"
#include "vector_levels.h"

namespace tern::runtime {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// Around every vector width, the 32 partial sums and the blocks of 256; and what models have: 3, 10 and 27
// blocks, trees of every shape.
constexpr size_t sizes[] = {1,  2,  3,   5,   8,   15,  16,  17,  31,   32,   33,   47,  63,
                            64, 65, 100, 255, 256, 257, 513, 640, 1280, 1531, 2560, 6912};

TEST(FloatOps, RmsNormIsTheReference) {
  for_every_vector_level([](const VectorOps& ops) {
    for (const size_t size : sizes) {
      const auto x = random_row(size, 1, 10.0f), weight = random_row(size, 2);
      std::vector<float> out(size);
      ops.floats.rms_norm_row(x.data(), weight.data(), 1e-5f, size, out.data());
      expect_same(out, reference::rms_norm(x, weight, 1e-5f));
    }
  });
}

TEST(FloatOps, CenteredRowsAreTheReference) {
  for_every_vector_level([](const VectorOps& ops) {
    for (const size_t size : sizes) {
      const auto x = random_row(size, 5, 10.0f);
      const float mean = reference::sum(x) / static_cast<float>(size);
      std::vector<float> out(size), expected;
      for (const float v : x) expected.push_back(v - mean);
      ops.floats.center_row(x.data(), size, out.data());
      expect_same(out, expected);
    }
  });
}

TEST(FloatOps, RmsNormIsRight) {
  const VectorOps ops = vector_ops(VectorLevel::best);
  const auto x = random_row(2560, 3, 5.0f), weight = random_row(2560, 4);
  std::vector<float> out(x.size());
  ops.floats.rms_norm_row(x.data(), weight.data(), 1e-5f, x.size(), out.data());
  const double sum = std::inner_product(x.begin(), x.end(), x.begin(), 0.0);
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = x[i] / std::sqrt(sum / 2560 + 1e-5) * weight[i];
    ASSERT_NEAR(out[i], expected, std::fabs(expected) * 1e-6);
  }
}

TEST(FloatOps, FoldIsTheTreeOfTheContract) {
  for (size_t blocks = 1; blocks < 70; ++blocks) {
    const auto sums = random_row(blocks, static_cast<uint32_t>(blocks));
    auto s = sums;
    for (size_t stride = 1; stride < blocks; stride *= 2) {
      for (size_t i = 0; i + stride < blocks; i += 2 * stride) s[i] += s[i + stride];
    }
    EXPECT_EQ(fold_blocks(sums.data(), blocks), s[0]) << blocks;
  }
  EXPECT_EQ(fold_blocks(nullptr, 0), 0.0f);
}

reference::Quantized quantized(const VectorOps& ops, const std::vector<float>& x, size_t padded_size) {
  reference::Quantized out{std::vector<int8_t>(padded_size, 99)};
  out.scale = ops.floats.quantize_row(x.data(), x.size(), padded_size, out.values.data(), out.sum);
  return out;
}

TEST(FloatOps, QuantizeRowIsTheReference) {
  for_every_vector_level([](const VectorOps& ops) {
    for (const size_t size : sizes) {
      for (const float spread : {1e-30f, 1e-6f, 1e-5f, 0.7f, 127.0f, 3e38f}) {
        const auto x = random_row(size, static_cast<uint32_t>(size), spread);
        ASSERT_EQ(quantized(ops, x, size + 37), reference::quantize_row(x, size + 37))
            << size << " " << spread;
      }
    }
  });
}

TEST(FloatOps, QuantizeRowRoundsHalfToEven) {
  std::vector<float> x = {127.0f};  // scale 1
  for (int i = -127; i < 127; ++i) x.push_back(static_cast<float>(i) + 0.5f);
  for_every_vector_level([&](const VectorOps& ops) {
    const auto out = quantized(ops, x, x.size());
    ASSERT_EQ(out.scale, 1.0f);
    for (int i = -127; i < 127; ++i)
      ASSERT_EQ(out.values[static_cast<size_t>(i + 128)], i % 2 == 0 ? i : i + 1);
  });
}

TEST(FloatOps, QuantizeRowShowsWhatIsNotFinite) {
  for_every_vector_level([](const VectorOps& ops) {
    for (const float bad : {nan, -nan, infinity, -infinity}) {
      for (const size_t at : {0u, 31u, 40u}) {
        auto x = random_row(41, 5);
        x[at] = bad;
        const auto out = quantized(ops, x, 64);
        EXPECT_TRUE(std::isnan(out.scale));
        EXPECT_EQ(out.values, std::vector<int8_t>(64));
        EXPECT_EQ(out.sum, 0);
      }
    }
  });
}

// Cuts 0 ... count into up to 7 consecutive ranges, some of them empty, and gives them in random order.
std::vector<std::pair<size_t, size_t>> random_division(size_t count, std::mt19937& generator) {
  std::vector<size_t> cuts = {0, count};
  for (uint32_t cut = generator() % 7; cut > 0; --cut) cuts.push_back(generator() % (count + 1));
  std::ranges::sort(cuts);
  std::vector<std::pair<size_t, size_t>> ranges;
  for (size_t i = 0; i + 1 < cuts.size(); ++i) ranges.emplace_back(cuts[i], cuts[i + 1]);
  std::ranges::shuffle(ranges, generator);
  return ranges;
}

// A row that is normed and quantised by threads, each with blocks and ranges of its own, and by one.
TEST(FloatOps, NormAndQuantizeAreTheReferenceForEveryDivision) {
  std::mt19937 generator(3);
  for_every_vector_level([&](const VectorOps& ops) {
    for (const size_t size : sizes) {
      const auto x = random_row(size, static_cast<uint32_t>(size), 10.0f), weight = random_row(size, 2);
      const auto normed = reference::rms_norm(x, weight, 1e-5f);
      const auto expected = reference::quantize_row(normed, size + 37);

      std::vector<float> scratch(size);
      reference::Quantized whole{std::vector<int8_t>(size + 37, 99)};
      whole.scale = ops.floats.norm_and_quantize_row(x.data(), weight.data(), 1e-5f, size, size + 37,
                                                     scratch.data(), whole.values.data(), whole.sum);
      ASSERT_EQ(whole, expected) << size;

      std::vector<float> sums(sum_blocks(size)), out(size);
      for (const auto& [begin, end] : random_division(sums.size(), generator))
        ops.floats.sum_of_squares_blocks(x.data(), begin, end - begin, size, sums.data());
      const float r = rms_norm_factor(fold_blocks(sums.data(), sums.size()), size, 1e-5f);
      int32_t max_bits = 0;
      for (const auto& [begin, end] : random_division(size, generator)) {
        ops.floats.rms_norm_range(x.data() + begin, weight.data() + begin, r, end - begin,
                                  out.data() + begin);
        max_bits = std::max(max_bits, ops.floats.max_magnitude_bits(out.data() + begin, end - begin));
      }
      expect_same(out, normed);
      reference::Quantized divided{std::vector<int8_t>(size + 37), 0, quantize_scale(max_bits)};
      for (const auto& [begin, end] : random_division(size, generator))
        divided.sum += ops.floats.quantize_range(out.data() + begin, divided.scale, end - begin,
                                                 divided.values.data() + begin);
      ASSERT_EQ(divided, expected) << size;
    }
  });
}

TEST(FloatOps, GatesDoNotDependOnTheDivision) {
  std::mt19937 generator(4);
  for_every_vector_level([&](const VectorOps& ops) {
    for (const size_t size : sizes) {
      const auto gate = random_row(size, 6, 100.0f), up = random_row(size, 7);
      std::vector<float> squared(size), silu(size);
      for (const auto& [begin, end] : random_division(size, generator)) {
        ops.floats.relu_squared_gate(gate.data() + begin, up.data() + begin, end - begin,
                                     squared.data() + begin);
        ops.floats.silu_gate(gate.data() + begin, up.data() + begin, end - begin, silu.data() + begin);
      }
      expect_same(squared, reference::relu_squared_gate(gate, up));
      expect_same(silu, reference::silu_gate(gate, up));
    }
  });
}

TEST(FloatOps, GatesAreTheReference) {
  for_every_vector_level([](const VectorOps& ops) {
    for (const size_t size : sizes) {
      auto gate = random_row(size, 6, 100.0f);
      const auto up = random_row(size, 7);
      gate[size / 2] = -0.0f;
      std::vector<float> out(size);
      ops.floats.relu_squared_gate(gate.data(), up.data(), size, out.data());
      expect_same(out, reference::relu_squared_gate(gate, up));
      ops.floats.silu_gate(gate.data(), up.data(), size, out.data());
      expect_same(out, reference::silu_gate(gate, up));
    }
    for (const size_t size : sizes) {
      const auto gate = random_row(size, 6, 9.0f), up = random_row(size, 7, 9.0f);
      std::vector<float> out(size);
      ops.floats.limited_silu_gate(gate.data(), up.data(), 2.5f, size, out.data());
      expect_same(out, reference::limited_silu_gate(gate, up, 2.5f));
      ops.floats.gelu_gate(gate.data(), up.data(), size, out.data());
      expect_same(out, reference::gelu_gate(gate, up));
      for (size_t i = 0; i < size; ++i) {
        const double g = gate[i], z = std::sqrt(2 / 3.14159265358979) * (g + 0.044715 * g * g * g);
        EXPECT_NEAR(out[i], 0.5 * g * (1 + std::tanh(z)) * up[i], 1e-5);
      }
    }
    const std::vector<float> gate = {nan, infinity, -infinity, 1.0f}, up = {1.0f, 1.0f, 1.0f, 1.0f};
    std::vector<float> out(4);
    ops.floats.relu_squared_gate(gate.data(), up.data(), 4, out.data());
    expect_same(out, {nan, infinity, 0.0f, 1.0f});
    ops.floats.silu_gate(gate.data(), up.data(), 4, out.data());
    expect_same(out, reference::silu_gate(gate, up));
  });
}

TEST(FloatOps, AddAndScaleInPlace) {
  for_every_vector_level([](const VectorOps& ops) {
    for (const size_t size : sizes) {
      auto x = random_row(size, 8);
      const auto y = random_row(size, 9);
      auto expected = x;
      for (size_t i = 0; i < size; ++i) expected[i] = (expected[i] + y[i]) * 0.3f;
      ops.floats.add(x.data(), y.data(), size);
      ops.floats.scale(x.data(), 0.3f, size);
      expect_same(x, expected);
      for (size_t i = 0; i < size; ++i) expected[i] += y[i] * 0.7f;
      ops.floats.add_scaled(x.data(), y.data(), 0.7f, size);
      expect_same(x, expected);
    }
  });
}

TEST(FloatOps, RopeTurnsAdjacentPairs) {
  constexpr size_t heads = 3, head_dimension = 54, pairs = 21;
  const auto cosine = random_row(pairs, 10), sine = random_row(pairs, 11);
  const auto row = random_row(heads * head_dimension, 12);
  auto expected = row;
  for (size_t h = 0; h < heads; ++h) {
    for (size_t i = 0; i < pairs; ++i) {
      const size_t at = h * head_dimension + 2 * i;
      const float a = row[at], b = row[at + 1];
      expected[at] = a * cosine[i] - b * sine[i];
      expected[at + 1] = b * cosine[i] + a * sine[i];
    }
  }
  for_every_vector_level([&](const VectorOps& ops) {
    auto turned = row;
    ops.floats.apply_rope_adjacent(turned.data(), heads, head_dimension, cosine.data(), sine.data(), pairs);
    expect_same(turned, expected);
  });
}

TEST(FloatOps, RopeTurnsPairsAndLeavesTheRest) {
  constexpr size_t heads = 3, head_dimension = 54, pairs = 21;
  const auto cosine = random_row(pairs, 10), sine = random_row(pairs, 11);
  const auto row = random_row(heads * head_dimension, 12);
  auto expected = row;
  for (size_t h = 0; h < heads; ++h) {
    for (size_t i = 0; i < pairs; ++i) {
      const float a = row[h * head_dimension + i], b = row[h * head_dimension + pairs + i];
      expected[h * head_dimension + i] = a * cosine[i] - b * sine[i];
      expected[h * head_dimension + pairs + i] = b * cosine[i] + a * sine[i];
    }
  }
  for_every_vector_level([&](const VectorOps& ops) {
    auto turned = row;
    ops.floats.apply_rope(turned.data(), heads, head_dimension, cosine.data(), sine.data(), pairs);
    expect_same(turned, expected);
  });
}

// Every `step`-th f32 value whose exponential is a normal number.
std::vector<float> exponents(uint32_t step) {
  std::vector<float> all;
  for (uint32_t bits = 0; bits < std::bit_cast<uint32_t>(88.72283f); bits += step) {
    all.push_back(std::bit_cast<float>(bits));
    if (all.back() <= 87.33f) all.push_back(-all.back());
  }
  return all;
}

TEST(FloatOps, ExponentialIsWithinTwoUnitsInTheLastPlace) {
  const VectorOps ops = vector_ops(VectorLevel::best);
  const auto x = exponents(1013);
  std::vector<float> out(x.size());
  ops.floats.exponential(x.data(), x.size(), out.data());
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = std::exp(static_cast<double>(x[i]));
    const double unit = std::ldexp(1.0, std::ilogb(expected) - 23);
    worst = std::max(worst, std::fabs(out[i] - expected) / unit);
  }
  RecordProperty("worst_error_in_units", std::to_string(worst));
  EXPECT_LE(worst, 2.0) << worst;
}

TEST(FloatOps, ExponentialIsTheReference) {
  auto x = exponents(10007);
  for (const float edge : {88.72283f, -87.33f}) {
    x.insert(x.end(), {edge, std::nextafter(edge, infinity), std::nextafter(edge, -infinity)});
  }
  x.insert(x.end(), {0.0f, -0.0f, infinity, -infinity, nan, 1e38f, -1e38f, 1e-40f});
  std::vector<float> expected, out(x.size());
  for (const float v : x) expected.push_back(reference::exp(v));
  for_every_vector_level([&](const VectorOps& ops) {
    ops.floats.exponential(x.data(), x.size(), out.data());
    expect_same(out, expected);
  });
}

TEST(FloatOps, HalfRowsConvertAsOneValueDoes) {
  // All f16 values; and around all of them and half-way between them, where rounding decides.
  std::vector<uint16_t> halves(0x10000);
  std::iota(halves.begin(), halves.end(), uint16_t{0});
  std::vector<float> exact, around;
  for (const uint16_t half : halves) exact.push_back(ir::f16_to_f32(half));
  for (uint32_t bits = 0x33000000u - 5 * 4096; bits < 0x47900000u; bits += 4096) {
    for (const uint32_t near : {bits - 1, bits, bits + 1}) {
      around.insert(around.end(), {std::bit_cast<float>(near), std::bit_cast<float>(near | 0x80000000u)});
    }
  }
  around.insert(around.end(), {0.0f, -0.0f, 1e-45f, -1e-38f, 3e38f, infinity, -infinity});
  around.push_back(1.0f);  // an odd number of them
  std::vector<uint16_t> rounded;
  for (const float x : around) rounded.push_back(ir::f32_to_f16(x));
  for_every_vector_level([&](const VectorOps& ops) {
    std::vector<float> floats(halves.size());
    ops.floats.f16_to_f32_row(halves.data(), halves.size(), floats.data());
    expect_same(floats, exact);
    std::vector<uint16_t> out(around.size());
    ops.floats.f32_to_f16_row(around.data(), around.size(), out.data());
    EXPECT_EQ(out, rounded);
    ops.floats.f32_to_f16_row(&nan, 1, out.data());
    EXPECT_TRUE(std::isnan(ir::f16_to_f32(out[0])));
  });
}

}  // namespace
}  // namespace tern::runtime
