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
    for (int64_t k = 0; k < k_; ++k) {
      const int64_t position = map_.position(n, k);
      const uint8_t* bytes = bytes_.data() + map_.byte_offset(position);
      codes[k] = static_cast<uint8_t>(
          decode_trit(layout_.packing, bytes, map_.byte_stride(), static_cast<int>(position % group)) + 1);
    }
  }

 private:
  // The block size of a flattened layout [e/B, e%(B/4), e%B/(B/4)] of 2-bit codes whose blocks do not
  // straddle rows, as files have it; else 0.
  static int64_t flat_block(const Layout& layout, int64_t k) {
    const std::vector<Factor>& factors = layout.factors;
    const PackingRow& packing = row(layout.packing);
    if (packing.code_bits != 2 || packing.weights_per_code != 1 || factors.size() != 3) return 0;
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
      : layout_(layout), map_(layout, n, k), bytes_(bytes), k_(k) {
    assert(static_cast<int64_t>(bytes.size()) >= map_.size_in_bytes());
    const PackingRow& packing = row(layout.packing);
    word_lanes_ = word_lanes(layout);
    if (word_lanes_ == 0) find_steps();
    if (word_lanes_ == 0) return;
    word_k_ = word_lanes_ * packing.weights_per_group;
    for (int64_t word = 0; word < map_.padded_k() / word_k_; ++word)
      word_offsets_.push_back(map_.along_k(word * word_k_));
    if (!is_plain_b2()) fill_code_table();
  }

  // `codes` has room for `word_padding` past k.
  void write(int64_t n, uint8_t* codes) const {
    if (word_k_ != 0) {
      // Padding is what bytes of 0 stand for.
      const auto padding = static_cast<uint8_t>(trit_of_code(layout_.packing, 0, 0) + 1);
      std::fill(codes + k_, codes + round_up(k_, word_k_), padding);
      return is_plain_b2() ? write_words_of_b2(n, codes) : write_words(n, codes);
    }
    if (!step_offsets_.empty()) return write_steps(n, codes);
    const int64_t group = row(layout_.packing).weights_per_group;
    for (int64_t k = 0; k < k_; ++k) {
      const int64_t position = map_.position(n, k);
      uint8_t* bytes = bytes_.data() + map_.byte_offset(position);
      encode_trit(layout_.packing, bytes, map_.byte_stride(), static_cast<int>(position % group),
                  codes[k] - 1);
    }
  }

 private:
  // How many groups of one output lie side by side in what kernels read: 4, of neighbouring inputs, with the
  // next four inputs in the next place of the same groups; or 1, of neighbouring inputs itself; 0: neither.
  static int64_t word_lanes(const Layout& layout) {
    const int64_t group = row(layout.packing).weights_per_group;
    const auto ends_in = [&](std::vector<Factor> wanted) {
      std::erase_if(wanted, [](const Factor& factor) { return factor.modulus == factor.divisor; });
      return layout.factors.size() > wanted.size() &&
             std::equal(wanted.rbegin(), wanted.rend(), layout.factors.rbegin());
    };
    if (ends_in({{Axis::k, 4, 1}, {Axis::k, 4 * group, 4}})) return 4;
    return group > 1 && ends_in({{Axis::k, group, 1}}) ? 1 : 0;
  }

  // The most usual words have a way of their own.
  bool is_plain_b2() const { return layout_.packing == Packing::b2 && word_lanes_ == 4; }

  // If the groups are of several outputs, each weight a code of its own, all weights of an output have one
  // place in their groups: finds how far apart these are.
  void find_steps() {
    const PackingRow& packing = row(layout_.packing);
    if (map_.flattened() || packing.weights_per_code != 1) return;
    const int64_t unit = map_.byte_stride() * packing.weights_per_group;
    std::vector<int64_t> offsets;
    for (int64_t k = 0; k < k_; ++k) {
      const int64_t position = map_.along_k(k);
      if (position % unit != 0) return;
      offsets.push_back(map_.byte_offset(position));
    }
    step_offsets_ = std::move(offsets);
  }

  void write_steps(int64_t n, const uint8_t* codes) const {
    const PackingRow& packing = row(layout_.packing);
    const int64_t position = map_.along_n(n), byte_stride = map_.byte_stride();
    const auto digit = static_cast<int>(position % packing.weights_per_group);
    // The digit's bits in each byte of a group, by code.
    uint8_t bits[3][8] = {};
    for (int code = 0; code < 3; ++code) {
      if (code != 1 || packing.holds.trits) encode_trit(layout_.packing, bits[code], 1, digit, code - 1);
    }
    for (int i = 0; i < packing.bytes_per_group; ++i) {
      uint8_t* base = bytes_.data() + map_.byte_offset(position) + i * byte_stride;
      const auto others = static_cast<uint8_t>(~(bits[0][i] | bits[1][i] | bits[2][i]));
      for (int64_t k = 0; k < k_; ++k) {
        uint8_t& byte = base[step_offsets_[k]];
        byte = static_cast<uint8_t>((byte & others) | bits[codes[k]][i]);
      }
    }
  }

  // Codes by the base-3 number of their trits.
  void fill_code_table() {
    const PackingRow& packing = row(layout_.packing);
    int8_t trits[8];
    int count = 1;
    for (int i = 0; i < packing.weights_per_code; ++i) count *= 3;
    for (int number = 0; number < count; ++number) {
      for (int i = packing.weights_per_code - 1, rest = number; i >= 0; --i, rest /= 3)
        trits[i] = static_cast<int8_t>(rest % 3 - 1);
      const bool never = packing.holds.signs && !packing.holds.trits && trits[0] == 0;
      code_table_[number] =
          never ? uint8_t{0}
                : static_cast<uint8_t>(
                      code_of_trits(layout_.packing, {trits, static_cast<size_t>(packing.weights_per_code)}));
    }
  }

  void write_words_of_b2(int64_t n, const uint8_t* codes) const {
    uint8_t* base = bytes_.data() + map_.along_n(n) / 4;
    for (int64_t word = 0; word < ceil_divide(k_, word_k_); ++word) {
      uint32_t quads[4];
      std::memcpy(quads, codes + 16 * word, sizeof quads);
      const uint32_t packed = quads[0] | quads[1] << 2 | quads[2] << 4 | quads[3] << 6;
      std::memcpy(base + word_offsets_[word] / 4, &packed, sizeof packed);
    }
  }

  void write_words(int64_t n, const uint8_t* codes) const {
    const PackingRow& packing = row(layout_.packing);
    const int64_t byte_stride = map_.byte_stride();
    // Groups lie one after the other, or byte by byte.
    const int64_t lane_stride = byte_stride == 1 ? packing.bytes_per_group : 1;
    for (int64_t word = 0; word < ceil_divide(k_, word_k_); ++word) {
      uint8_t* base = bytes_.data() + map_.byte_offset(map_.along_n(n) + word_offsets_[word]);
      for (int64_t lane = 0; lane < word_lanes_; ++lane)
        write_group(packing, base + lane * lane_stride, byte_stride, codes + word * word_k_ + lane);
    }
  }

  // A group of trits that are `word_lanes_` inputs apart.
  void write_group(const PackingRow& packing, uint8_t* group, int64_t byte_stride,
                   const uint8_t* codes) const {
    const int per_byte = packing.codes_per_byte();
    uint8_t bytes[8] = {};
    for (int i = 0; i < packing.codes_per_group(); ++i) {
      int number = 0;
      for (int digit = 0; digit < packing.weights_per_code; ++digit, codes += word_lanes_)
        number = 3 * number + *codes;
      const int code = code_table_[number];
      const int low = code & ((1 << packing.code_bits) - 1);
      bytes[i / per_byte] |=
          static_cast<uint8_t>(low << (packing.first_bit + packing.bit_step * (i % per_byte)));
      if (packing.high_bits)
        bytes[packing.bytes_per_group - 1] |= static_cast<uint8_t>(code >> packing.code_bits << i);
    }
    for (int i = 0; i < packing.bytes_per_group; ++i) group[i * byte_stride] = bytes[i];
  }

  const Layout& layout_;
  LayoutMap map_;
  std::span<uint8_t> bytes_;
  int64_t k_;
  int64_t word_lanes_ = 0;             // groups of a word; 0: the layout has no words
  int64_t word_k_ = 0;                 // inputs of a word
  std::vector<int64_t> word_offsets_;  // in positions
  std::vector<int64_t> step_offsets_;  // in bytes, by k; empty where groups are not of several outputs
  uint8_t code_table_[243];
};

// Codes of a row are kept in room for whole words of any packing: 4 * weights_per_group at most.
constexpr int64_t word_padding = 128;

}  // namespace

void repack_trits(const Layout& from, std::span<const uint8_t> source, const Layout& to,
                  std::span<uint8_t> destination, int64_t n, int64_t k, int64_t n_begin, int64_t n_end) {
  const RowReader reader(from, source, n, k);
  const RowWriter writer(to, destination, n, k);
  std::vector<uint8_t> codes(k + word_padding);
  for (int64_t i = n_begin; i < n_end; ++i) {
    reader.read(i, codes.data());
    writer.write(i, codes.data());
  }
}

void pack_trits(const Layout& to, std::span<const int8_t> trits, std::span<uint8_t> destination, int64_t n,
                int64_t k) {
  std::fill(destination.begin(), destination.end(), uint8_t{0});
  const RowWriter writer(to, destination, n, k);
  std::vector<uint8_t> codes(k + word_padding);
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
  assert(row(to.packing).bytes_per_group == sizeof(T));
  assert(static_cast<int64_t>(destination.size() * sizeof(T)) >= map.size_in_bytes());
  std::vector<int64_t> along_k(k);
  for (int64_t j = 0; j < k; ++j) along_k[j] = map.along_k(j);
  const int64_t group = row(to.packing).weights_per_group;
  const auto put = [&](int64_t position, T value) {
    if (group == 1)
      destination[position] = value;
    else
      encode_dense(to.packing, reinterpret_cast<uint8_t*>(&destination[position / group]),
                   static_cast<float>(value), static_cast<int>(position % group));
  };
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
      for (int64_t i = 0; i < count; ++i) put(along_n[i] + along_k[j], buffer[i * k + j]);
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
