#include "runtime/text/stream_decoder.h"

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "tests/runtime/text/small_vocabularies.h"

namespace tern::runtime {
namespace {

std::string decode_in_parts(const std::string& bytes, std::mt19937& random) {
  StreamDecoder stream;
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = random() % 4;
    const std::string part = stream.push(std::string_view(bytes).substr(at, length));
    EXPECT_EQ(utf8_valid_prefix(part), part.size());
    text += part;
    at += length;
  }
  return text + stream.flush();
}

TEST(StreamDecoder, TextCutAnywhereComesOutWhole) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    const std::string text = random_text(random, 40);
    EXPECT_EQ(decode_in_parts(text, random), text);
  }
}

TEST(StreamDecoder, WhereBytesAreCutMakesNoDifference) {
  std::mt19937 random(2);
  for (int i = 0; i < 200; ++i) {
    const std::string bytes = random_bytes(random, 60);
    StreamDecoder stream;
    std::string whole = stream.push(bytes);
    whole += stream.flush();
    EXPECT_EQ(decode_in_parts(bytes, random), whole);
  }
}

TEST(StreamDecoder, HoldsBackTheBeginningOfACharacter) {
  StreamDecoder stream;
  EXPECT_EQ(stream.push("a\xf0\x9f"), "a");
  EXPECT_EQ(stream.push("\x99"), "");
  EXPECT_EQ(stream.push("\x82!"), "\xf0\x9f\x99\x82!");
  EXPECT_EQ(stream.flush(), "");
}

TEST(StreamDecoder, ReplacesWhatCannotBecomeACharacter) {
  const std::string replacement = "\xef\xbf\xbd";
  StreamDecoder stream;
  EXPECT_EQ(stream.push("\xe2\x82z"), replacement + "z");
  EXPECT_EQ(stream.push("\xff\xfe"), replacement + replacement);
  EXPECT_EQ(stream.push("\xe2\x82"), "");
  EXPECT_EQ(stream.flush(), replacement);
  EXPECT_EQ(stream.flush(), "");
}

TEST(StreamDecoder, DropsOneSpaceAtTheVeryBeginning) {
  StreamDecoder stream(true);
  EXPECT_EQ(stream.push(""), "");
  EXPECT_EQ(stream.push("  a"), " a");
  EXPECT_EQ(stream.push(" b"), " b");
  StreamDecoder without(true);
  EXPECT_EQ(without.push("a"), "a");
  EXPECT_EQ(without.push(" b"), " b");
}

}  // namespace
}  // namespace tern::runtime
