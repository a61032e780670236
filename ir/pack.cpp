#include "ir/pack.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <vector>

#include "ir/type.h"

namespace tern::ir {
namespace {

// Reads rows of a packed matrix as codes, trit + 1.
class RowReader {
 public:
  RowReader(const Layout& layout, std::span<const uint8_t> bytes, int64_t n, int64_t k)
      : layout_(layout), map_(layout, n, k), bytes_(bytes), k_(k), block_(flat_block(layout, k)) {
    assert(static_cast<int64_t>(bytes.size()) >= map_.size_in_bytes());
  }

  void read(int64_t n, uint8_t* codes) const {
    if (block_ != 0) return read_blocks(n, codes);
    const int64_t group = row(layout_.packing).weights_per_group;
    const int64_t group_bytes = row(layout_.packing).bytes_per_group;
    for (int64_t k = 0; k < k_; ++k) {
      const int64_t position = map_.position(n, k);
      const uint8_t* bytes = bytes_.data() + position / group * group_bytes;
      codes[k] =
          static_cast<uint8_t>(decode_trit(layout_.packing, bytes, static_cast<int>(position % group)) + 1);
    }
  }

 private:
  // The block size of a flattened layout [e/B, e%(B/4), e%B/(B/4)] of 2-bit codes whose blocks do not
  // straddle rows, as files have it; else 0.
  static int64_t flat_block(const Layout& layout, int64_t k) {
    const std::vector<Factor>& factors = layout.factors;
    if (row(layout.packing).bit_width != 2 || factors.size() != 3) return 0;
    const int64_t block = factors[0].divisor, bytes = block / 4;
    const std::vector<Factor> wanted = {{Axis::e, 0, block}, {Axis::e, bytes, 1}, {Axis::e, block, bytes}};
    return factors == wanted && k % block == 0 ? block : 0;
  }

  void read_blocks(int64_t n, uint8_t* codes) const {
    const PackingRow& packing = row(layout_.packing);
    const int64_t bytes = block_ / 4;
    const uint8_t* source = bytes_.data() + n * k_ / 4;
    for (int64_t k = 0; k < k_; k += block_, source += bytes) {
      for (int digit = 0; digit < 4; ++digit) {
        const int shift = packing.first_bit + packing.bit_step * digit;
        uint8_t* out = codes + k + digit * bytes;
        for (int64_t i = 0; i < bytes; ++i) out[i] = source[i] >> shift & 3;
      }
    }
  }

  const Layout& layout_;
  LayoutMap map_;
  std::span<const uint8_t> bytes_;
  int64_t k_;
  int64_t block_;
};

// Writes rows of codes into a packed matrix.
class RowWriter {
 public:
  RowWriter(const Layout& layout, std::span<uint8_t> bytes, int64_t n, int64_t k)
      : layout_(layout), map_(layout, n, k), bytes_(bytes), k_(k), words_(ends_in_words(layout)) {
    assert(static_cast<int64_t>(bytes.size()) >= map_.size_in_bytes());
    if (!words_) return;
    for (int64_t word = 0; word < map_.padded_k() / 16; ++word)
      word_offsets_.push_back(map_.along_k(word * 16) / 4);
  }

  // `codes` is readable up to a multiple of 16; what is past k is ignored.
  void write(int64_t n, uint8_t* codes) const {
    if (words_) return write_words(n, codes);
    const int64_t group = row(layout_.packing).weights_per_group;
    const int64_t group_bytes = row(layout_.packing).bytes_per_group;
    for (int64_t k = 0; k < k_; ++k) {
      const int64_t position = map_.position(n, k);
      uint8_t* bytes = bytes_.data() + position / group * group_bytes;
      encode_trit(layout_.packing, bytes, static_cast<int>(position % group), codes[k] - 1);
    }
  }

 private:
  // True for what kernels with four trits a byte read: 16 inputs of an output lie in one 32-bit word, input
  // 4 * digit + byte of it in that byte and digit.
  static bool ends_in_words(const Layout& layout) {
    const std::vector<Factor> wanted = {{Axis::k, 4, 1}, {Axis::k, 16, 4}};
    return layout.packing == Packing::b2 && layout.factors.size() > 2 &&
           std::equal(wanted.rbegin(), wanted.rend(), layout.factors.rbegin());
  }

  void write_words(int64_t n, uint8_t* codes) const {
    uint8_t* base = bytes_.data() + map_.along_n(n) / 4;
    std::fill(codes + k_, codes + round_up(k_, 16), uint8_t{0});
    for (int64_t word = 0; word < ceil_divide(k_, 16); ++word) {
      uint32_t quads[4];
      std::memcpy(quads, codes + 16 * word, sizeof quads);
      const uint32_t packed = quads[0] | quads[1] << 2 | quads[2] << 4 | quads[3] << 6;
      std::memcpy(base + word_offsets_[word], &packed, sizeof packed);
    }
  }

  const Layout& layout_;
  LayoutMap map_;
  std::span<uint8_t> bytes_;
  int64_t k_;
  bool words_;
  std::vector<int64_t> word_offsets_;
};

}  // namespace

void repack_trits(const Layout& from, std::span<const uint8_t> source, const Layout& to,
                  std::span<uint8_t> destination, int64_t n, int64_t k, int64_t n_begin, int64_t n_end) {
  const RowReader reader(from, source, n, k);
  const RowWriter writer(to, destination, n, k);
  std::vector<uint8_t> codes(round_up(k, 16));
  for (int64_t i = n_begin; i < n_end; ++i) {
    reader.read(i, codes.data());
    writer.write(i, codes.data());
  }
}

void pack_trits(const Layout& to, std::span<const int8_t> trits, std::span<uint8_t> destination, int64_t n,
                int64_t k) {
  std::fill(destination.begin(), destination.end(), uint8_t{0});
  const RowWriter writer(to, destination, n, k);
  std::vector<uint8_t> codes(round_up(k, 16));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < k; ++j) codes[j] = static_cast<uint8_t>(trits[i * k + j] + 1);
    writer.write(i, codes.data());
  }
}

void unpack_trits(const Layout& from, std::span<const uint8_t> source, std::span<int8_t> trits, int64_t n,
                  int64_t k) {
  const RowReader reader(from, source, n, k);
  std::vector<uint8_t> codes(k);
  for (int64_t i = 0; i < n; ++i) {
    reader.read(i, codes.data());
    for (int64_t j = 0; j < k; ++j) trits[i * k + j] = static_cast<int8_t>(codes[j] - 1);
  }
}

template <class T>
void pack_dense(const Layout& to, std::span<T> destination, int64_t n, int64_t k, int64_t n_begin,
                int64_t n_end, const std::function<void(int64_t n, T* row)>& read_row) {
  const LayoutMap map(to, n, k);
  assert(row(to.packing).bytes_per_group == sizeof(T) && row(to.packing).weights_per_group == 1);
  assert(static_cast<int64_t>(destination.size()) >= map.positions());
  std::vector<int64_t> along_k(k);
  for (int64_t j = 0; j < k; ++j) along_k[j] = map.along_k(j);
  // A few rows at a time: kernels want neighbouring outputs side by side, files have rows side by side.
  constexpr int64_t rows = 16;
  std::vector<T> buffer(rows * k);
  for (int64_t first = n_begin; first < n_end; first += rows) {
    const int64_t count = std::min(rows, n_end - first);
    int64_t along_n[rows];
    for (int64_t i = 0; i < count; ++i) {
      along_n[i] = map.along_n(first + i);
      read_row(first + i, buffer.data() + i * k);
    }
    for (int64_t j = 0; j < k; ++j) {
      for (int64_t i = 0; i < count; ++i) destination[along_n[i] + along_k[j]] = buffer[i * k + j];
    }
  }
}

template void pack_dense(const Layout&, std::span<int8_t>, int64_t, int64_t, int64_t, int64_t,
                         const std::function<void(int64_t, int8_t*)>&);
template void pack_dense(const Layout&, std::span<uint16_t>, int64_t, int64_t, int64_t, int64_t,
                         const std::function<void(int64_t, uint16_t*)>&);
template void pack_dense(const Layout&, std::span<float>, int64_t, int64_t, int64_t, int64_t,
                         const std::function<void(int64_t, float*)>&);

}  // namespace tern::ir
