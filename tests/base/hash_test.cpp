#include "base/hash.h"

#include <gtest/gtest.h>

namespace tern {
namespace {

// From the test vectors of the authors' reference code (test_fnv.c, FNV-1a of 64 bits).
TEST(Hash, IsFnv1a) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325u);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8u);
}

TEST(Hash, TakesBytesAboveAsciiAsUnsigned) {
  // One step by hand: (offset basis ^ 0xff) * prime, modulo 2^64.
  EXPECT_EQ(fnv1a("\xff"), (0xcbf29ce484222325u ^ 0xffu) * 0x100000001b3u);
}

}  // namespace
}  // namespace tern
