// Runs generated AArch64 functions on buffers from a file and compares what they leave behind. Linked without
// anything of Tern's: one static program, for an emulator. See arm_harness.cpp, which writes the file.
//
// Each call's number is printed before it, so that a crash can be told; then what is wrong, if anything is.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

using Function = void (*)(void* const* buffers, const int64_t* ranges);

// Of the table that the test writes: one function for each call in the file.
extern "C" const Function tern_functions[];

namespace {

constexpr int64_t guard = 64;

struct Reader {
  std::FILE* file;

  void bytes(void* to, int64_t count) {
    if (std::fread(to, 1, static_cast<size_t>(count), file) == static_cast<size_t>(count)) return;
    std::printf("the file is too short\n");
    std::exit(2);
  }
  int64_t number() {
    int64_t value = 0;
    bytes(&value, sizeof value);
    return value;
  }
};

struct Buffer {
  bool is_real = false;  // f32, of which any NaN is as good as another
  int64_t size = 0;      // bytes
  unsigned char* start = nullptr;
  unsigned char* expected = nullptr;
};

unsigned char* allocate(int64_t size) {
  const int64_t whole = (size + 3 * guard) / guard * guard;
  void* memory = std::aligned_alloc(guard, static_cast<size_t>(whole));
  if (!memory) std::exit(2);
  std::memset(memory, 0xa5, static_cast<size_t>(whole));
  return static_cast<unsigned char*>(memory) + guard;
}

Buffer read_buffer(Reader& reader) {
  Buffer buffer;
  buffer.is_real = reader.number() == 1;
  buffer.size = reader.number();
  buffer.start = allocate(buffer.size);
  buffer.expected = allocate(buffer.size);
  reader.bytes(buffer.start, buffer.size);
  reader.bytes(buffer.expected, buffer.size);
  return buffer;
}

bool both_nan(const unsigned char* a, const unsigned char* b) {
  float x, y;
  std::memcpy(&x, a, sizeof x);
  std::memcpy(&y, b, sizeof y);
  return x != x && y != y;
}

void check(int index, const Buffer& buffer) {
  for (int64_t i = 0; i < guard; ++i) {
    if (buffer.start[-1 - i] != 0xa5 || buffer.start[buffer.size + i] != 0xa5) {
      std::printf("buffer %d is written past an end\n", index);
      return;
    }
  }
  const int64_t step = buffer.is_real ? 4 : 1;
  for (int64_t i = 0; i < buffer.size; i += step) {
    if (std::memcmp(buffer.start + i, buffer.expected + i, static_cast<size_t>(step)) == 0) continue;
    if (buffer.is_real && both_nan(buffer.start + i, buffer.expected + i)) continue;
    std::printf("buffer %d differs in byte %lld\n", index, static_cast<long long>(i));
    return;
  }
}

void call(Reader& reader, Function function) {
  std::vector<Buffer> buffers;
  std::vector<void*> pointers;
  for (int64_t count = reader.number(); count > 0; --count) {
    buffers.push_back(read_buffer(reader));
    pointers.push_back(buffers.back().start);
  }
  std::vector<int64_t> ranges(static_cast<size_t>(reader.number()));
  for (int64_t& bound : ranges) bound = reader.number();
  function(pointers.data(), ranges.data());
  for (size_t i = 0; i < buffers.size(); ++i) {
    check(static_cast<int>(i), buffers[i]);
    std::free(buffers[i].start - guard);
    std::free(buffers[i].expected - guard);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Reader reader = {argc == 2 ? std::fopen(argv[1], "rb") : nullptr};
  if (!reader.file) return 2;
  const int64_t calls = reader.number();
  for (int64_t i = 0; i < calls; ++i) {
    std::printf("call %lld\n", static_cast<long long>(i));
    std::fflush(stdout);
    call(reader, tern_functions[i]);
  }
  std::printf("done\n");
  return 0;
}
