// Numbers of records, as text that means the same bits.
#include "base/decimal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tern {
namespace {

// Leaves digits where the next function has its variables: a number must end where its own digits do.
[[gnu::noinline]] void fill_stack() {
  volatile char digits[4096];
  for (volatile char& digit : digits) digit = '7';
}

TEST(Decimal, IsWrittenAsPeopleDo) {
  EXPECT_EQ(print_decimal(0), "0");
  EXPECT_EQ(print_decimal(7.5), "7.5");
  EXPECT_EQ(print_decimal(-120), "-120");
  EXPECT_EQ(print_decimal(0.0625), "0.0625");
  EXPECT_EQ(print_decimal(1.5e-9), "1.5e-9");
  EXPECT_EQ(print_decimal(2e300), "2e300");
  EXPECT_EQ(print_decimal(7.4375e-8, 6), "0.074375") << "seconds as microseconds";
}

TEST(Decimal, IsReadBackAsItWas) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 400) - 260);
    for (const int shift : {0, 6}) {
      fill_stack();
      const std::string text = print_decimal(value, shift);
      const std::optional<double> read = parse_decimal(text, shift);
      ASSERT_TRUE(read) << text;
      ASSERT_EQ(*read, value) << text;
    }
  }
}

TEST(Decimal, WhatIsNoNumberIsNothing) {
  for (const char* text : {"", "e", "1e", "1e5x", "1e1001", "nan", "inf", "0x1p3", "1.2.3", "--1", " 1"})
    EXPECT_FALSE(parse_decimal(text)) << text;
}

}  // namespace
}  // namespace tern
