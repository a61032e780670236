#include "ir/kernel/pack.h"

#include <algorithm>
#include <cassert>
#include <vector>

#include "ir/kernel/trit_writer.h"
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

  // Fills codes[0 .. last - first).
  void read(int64_t n, InputRange inputs, uint8_t* codes) const {
    if (block_ != 0 && inputs.first % block_ == 0 && inputs.last % block_ == 0)
      return read_blocks(n, inputs, codes);
    const int64_t group = info(layout_.packing).weights_per_group;
    for (int64_t k = inputs.first; k < inputs.last; ++k) {
      const int64_t position = map_.position(n, k);
      const uint8_t* bytes = bytes_.data() + map_.byte_offset(position);
      codes[k - inputs.first] = static_cast<uint8_t>(
          decode_trit(layout_.packing, bytes, map_.byte_stride(), static_cast<int>(position % group)) + 1);
    }
  }

 private:
  // The block size of a flattened layout [e/B, e%(B/4), e%B/(B/4)] of 2-bit codes whose blocks do not
  // straddle rows, as files have it; else 0.
  static int64_t flat_block(const Layout& layout, int64_t k) {
    const std::vector<Factor>& factors = layout.factors;
    const PackingInfo& packing = info(layout.packing);
    if (packing.code_bits != 2 || packing.weights_per_code != 1 || factors.size() != 3) return 0;
    const int64_t block = factors[0].divisor, bytes = block / 4;
    const std::vector<Factor> wanted = {{Axis::e, 0, block}, {Axis::e, bytes, 1}, {Axis::e, block, bytes}};
    return factors == wanted && k % block == 0 ? block : 0;
  }

  void read_blocks(int64_t n, InputRange inputs, uint8_t* codes) const {
    const PackingInfo& packing = info(layout_.packing);
    const int64_t bytes = block_ / 4;
    const uint8_t* source = bytes_.data() + (n * k_ + inputs.first) / 4;
    for (int64_t k = 0; k < inputs.last - inputs.first; k += block_, source += bytes) {
      for (int index = 0; index < 4; ++index) {
        const int shift = packing.first_bit + packing.bit_step * index;
        uint8_t* out = codes + k + index * bytes;
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

// `read_row(n, codes)` fills codes[0..k).
template <class ReadRow>
void write_rows(const Layout& to, std::span<uint8_t> destination, int64_t n, int64_t k, int64_t n_begin,
                int64_t n_end, const ReadRow& read_row) {
  const TritWriter writer(to, destination, n, k);
  std::vector<uint8_t> codes(TritWriter::max_rows * writer.stride());
  for (int64_t first = n_begin; first < n_end; first += TritWriter::max_rows) {
    const int64_t rows = std::min(TritWriter::max_rows, n_end - first);
    for (int64_t i = 0; i < rows; ++i) read_row(first + i, codes.data() + i * writer.stride());
    writer.write(first, rows, codes.data());
  }
}

}  // namespace

void repack_trits(const TritRows& source, const Layout& to, std::span<uint8_t> destination, int64_t n,
                  int64_t k, int64_t n_begin, int64_t n_end) {
  const RowReader reader(source.layout, source.bytes, source.n, k);
  write_rows(to, destination, n, k, n_begin, n_end, [&](int64_t i, uint8_t* codes) {
    reader.read(source.first + i - n_begin, {0, k}, codes);
  });
}

void repack_trits(const Layout& from, std::span<const uint8_t> source, const Layout& to,
                  std::span<uint8_t> destination, int64_t n, int64_t k, int64_t n_begin, int64_t n_end) {
  repack_trits(from, source, to, destination, n, k, n_begin, n_end, {0, k});
}

void repack_trits(const Layout& from, std::span<const uint8_t> source, const Layout& to,
                  std::span<uint8_t> destination, int64_t n, int64_t k, int64_t n_begin, int64_t n_end,
                  InputRange inputs) {
  const RowReader reader(from, source, n, k);
  write_rows(to, destination, n, inputs.last - inputs.first, n_begin, n_end,
             [&](int64_t i, uint8_t* codes) { reader.read(i, inputs, codes); });
}

void pack_trits(const Layout& to, std::span<const int8_t> trits, std::span<uint8_t> destination, int64_t n,
                int64_t k) {
  std::fill(destination.begin(), destination.end(), uint8_t{0});
  pack_trit_rows(to, trits, destination, n, k, 0, n);
}

void pack_trit_rows(const Layout& to, std::span<const int8_t> trits, std::span<uint8_t> destination,
                    int64_t n, int64_t k, int64_t n_begin, int64_t n_end) {
  pack_trit_rows(to, trits, destination, n, k, n_begin, n_end, {0, k});
}

void pack_trit_rows(const Layout& to, std::span<const int8_t> trits, std::span<uint8_t> destination,
                    int64_t n, int64_t k, int64_t n_begin, int64_t n_end, InputRange inputs) {
  const int64_t count = inputs.last - inputs.first;
  write_rows(to, destination, n, count, n_begin, n_end, [&](int64_t i, uint8_t* codes) {
    const auto row = trits.subspan((i - n_begin) * k + inputs.first, count);
    std::transform(row.begin(), row.end(), codes, [](int8_t trit) { return static_cast<uint8_t>(trit + 1); });
  });
}

void unpack_trits(const Layout& from, std::span<const uint8_t> source, std::span<int8_t> trits, int64_t n,
                  int64_t k) {
  const RowReader reader(from, source, n, k);
  std::vector<uint8_t> codes(k);
  for (int64_t i = 0; i < n; ++i) {
    reader.read(i, {0, k}, codes.data());
    for (int64_t j = 0; j < k; ++j) trits[i * k + j] = static_cast<int8_t>(codes[j] - 1);
  }
}

template <class T>
void pack_dense(const Layout& to, std::span<T> destination, int64_t n, int64_t k, int64_t n_begin,
                int64_t n_end, const std::function<void(int64_t n, T* row)>& read_row) {
  const LayoutMap map(to, n, k);
  assert(info(to.packing).bytes_per_group == sizeof(T));
  assert(static_cast<int64_t>(destination.size() * sizeof(T)) >= map.size_in_bytes());
  std::vector<int64_t> along_k(k);
  for (int64_t j = 0; j < k; ++j) along_k[j] = map.along_k(j);
  const int64_t group = info(to.packing).weights_per_group;
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

void pack_number_rows(const Layout& to, std::span<const int8_t> numbers, std::span<uint8_t> destination,
                      int64_t n, int64_t k, int64_t n_begin, int64_t n_end) {
  if (!info(to.packing).holds.dense) return pack_trit_rows(to, numbers, destination, n, k, n_begin, n_end);
  const std::span<int8_t> bytes(reinterpret_cast<int8_t*>(destination.data()), destination.size());
  pack_dense<int8_t>(to, bytes, n, k, n_begin, n_end, [&](int64_t row, int8_t* into) {
    std::copy_n(&numbers[static_cast<size_t>((row - n_begin) * k)], k, into);
  });
}

}  // namespace tern::ir
