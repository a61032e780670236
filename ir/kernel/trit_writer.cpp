#include "ir/kernel/trit_writer.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace tern::ir {
namespace {

constexpr int64_t max_block_inputs = [] {
  int longest = 0;
  for (const PackingInfo& packing : packings) longest = std::max(longest, packing.weights_per_group);
  return 4 * longest;
}();

// Bytes of a row of codes: an odd number of cache lines, so that one input of several rows lies in different
// sets of the cache.
int64_t row_of_codes(int64_t k) {
  return round_up(k + max_block_inputs, 128) + 64;
}

// How many groups a block has; 0 if the layout has no blocks.
int groups_of_block(const Layout& layout) {
  const int64_t group = info(layout.packing).weights_per_group;
  const auto ends_in = [&](std::vector<Factor> wanted) {
    std::erase_if(wanted, [](const Factor& factor) { return factor.modulus == factor.divisor; });
    return layout.factors.size() > wanted.size() &&
           std::equal(wanted.rbegin(), wanted.rend(), layout.factors.rbegin());
  };
  if (ends_in({{Axis::k, 4, 1}, {Axis::k, 4 * group, 4}})) return 4;
  return group > 1 && ends_in({{Axis::k, group, 1}}) ? 1 : 0;
}

// What a table has for the number in each byte.
template <class Lanes>
Lanes look_up(Lanes numbers, const uint8_t* table) {
  uint32_t found = 0;
  for (size_t i = 0; i < sizeof(Lanes); ++i)
    found |= static_cast<uint32_t>(table[numbers >> 8 * i & 255]) << 8 * i;
  return static_cast<Lanes>(found);
}

// The same of a table with four entries, numbered by two bits: each bit flips what differs, and both together
// what is left.
template <class Lanes>
Lanes look_up_4(Lanes numbers, const uint8_t* table) {
  constexpr auto ones = static_cast<Lanes>(0x01010101);
  const auto low = static_cast<Lanes>(numbers & ones), high = static_cast<Lanes>(numbers >> 1 & ones);
  return static_cast<Lanes>((ones * table[0]) ^ (low * (table[0] ^ table[1])) ^
                            (high * (table[0] ^ table[2])) ^
                            ((low & high) * (table[0] ^ table[1] ^ table[2] ^ table[3])));
}

}  // namespace

// Of one packing, so that the loops over a group have known ends. Lanes has a byte for each group of a block.
struct TritWriter::BlockWriters {
  template <Packing packing, class Lanes>
  static void write_block(const Blocks& blocks, uint8_t* bytes, const uint8_t* codes) {
    constexpr PackingInfo fields = info(packing);
    constexpr auto ones = static_cast<Lanes>(0x01010101);
    constexpr auto low_bits = static_cast<Lanes>(ones * ((1 << fields.code_bits) - 1));
    Lanes packed[fields.bytes_per_group] = {};
    for (int i = 0; i < fields.codes_per_group(); ++i) {
      Lanes code = 0;
      for (int index = 0; index < fields.weights_per_code; ++index, codes += sizeof(Lanes)) {
        Lanes next;
        std::memcpy(&next, codes, sizeof next);
        code = static_cast<Lanes>(3 * code + next);  // of no byte more than 242
      }
      if (!blocks.numbers_are_codes)
        code = fields.weights_per_code == 1 ? look_up_4(code, blocks.codes) : look_up(code, blocks.codes);
      const int place = i % fields.codes_per_byte();
      packed[i / fields.codes_per_byte()] |=
          static_cast<Lanes>((code & low_bits) << (fields.first_bit + fields.bit_step * place));
      if (fields.high_bits)
        packed[fields.bytes_per_group - 1] |= static_cast<Lanes>((code >> fields.code_bits & ones) << i);
    }
    for (const Lanes& lanes : packed) {
      if (blocks.group_stride == 1) {
        std::memcpy(bytes, &lanes, sizeof lanes);
      } else {
        for (size_t i = 0; i < sizeof lanes; ++i)
          bytes[i * blocks.group_stride] = static_cast<uint8_t>(lanes >> 8 * i);
      }
      bytes += blocks.byte_stride;
    }
  }

  template <Packing packing, class Lanes>
  static void write(const Blocks& blocks, std::span<uint8_t* const> rows, const uint8_t* codes,
                    int64_t stride) {
    for (const int64_t offset : blocks.offsets) {
      for (size_t i = 0; i < rows.size(); ++i)
        write_block<packing, Lanes>(blocks, rows[i] + offset, codes + i * stride);
      codes += sizeof(Lanes) * info(packing).weights_per_group;
    }
  }

  template <class Lanes, size_t index>
  static decltype(Blocks::write) writer() {
    constexpr PackingInfo fields = packings[index];
    if constexpr (fields.holds.trits || fields.holds.signs) return write<fields.packing, Lanes>;
    return nullptr;
  }

  template <class Lanes>
  static decltype(Blocks::write) writer_of(Packing packing) {
    return [&]<size_t... index>(std::index_sequence<index...>) {
      const decltype(Blocks::write) writers[] = {writer<Lanes, index>()...};
      return writers[static_cast<size_t>(packing)];
    }
    (std::make_index_sequence<packings.size()>());
  }
};

TritWriter::TritWriter(const Layout& layout, std::span<uint8_t> bytes, int64_t n, int64_t k)
    : packing_(layout.packing), map_(layout, n, k), bytes_(bytes), k_(k), stride_(row_of_codes(k)) {
  assert(static_cast<int64_t>(bytes.size()) >= map_.size_in_bytes());
  if (const int groups = groups_of_block(layout))
    find_blocks(groups);
  else
    find_steps();
}

void TritWriter::find_blocks(int groups) {
  const PackingInfo& packing = info(packing_);
  blocks_.inputs = groups * packing.weights_per_group;
  for (int64_t k = 0; k < k_; k += blocks_.inputs)
    blocks_.offsets.push_back(map_.byte_offset(map_.along_k(k)));
  blocks_.byte_stride = map_.byte_stride();
  blocks_.group_stride = blocks_.byte_stride == 1 ? packing.bytes_per_group : 1;
  blocks_.write =
      groups == 1 ? BlockWriters::writer_of<uint8_t>(packing_) : BlockWriters::writer_of<uint32_t>(packing_);
  int8_t trits[8];
  int count = packing.holds.i2 ? 4 : 1;
  for (int i = 0; i < packing.weights_per_code && !packing.holds.i2; ++i) count *= 3;
  blocks_.numbers_are_codes = true;
  for (int number = 0; number < count; ++number) {
    for (int i = packing.weights_per_code - 1, rest = number; i >= 0; --i, rest /= 3)
      trits[i] = static_cast<int8_t>((packing.holds.i2 ? rest : rest % 3) - 1);
    const bool never = packing.holds.signs && !packing.holds.trits && trits[0] == 0;
    const std::span<const int8_t> run(trits, static_cast<size_t>(packing.weights_per_code));
    blocks_.codes[number] = never ? uint8_t{0} : static_cast<uint8_t>(code_of_trits(packing_, run));
    blocks_.numbers_are_codes &= blocks_.codes[number] == number;
  }
}

// If a group holds several outputs, and each weight is a code of its own, all weights of one output have the
// same index in their groups: finds how far apart these groups are.
void TritWriter::find_steps() {
  const PackingInfo& packing = info(packing_);
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

void TritWriter::write(int64_t n_begin, int64_t rows, uint8_t* codes) const {
  assert(rows <= max_rows);
  if (blocks_.inputs == 0) {
    for (int64_t i = 0; i < rows; ++i) {
      if (step_offsets_.empty())
        write_one_by_one(n_begin + i, codes + i * stride_);
      else
        write_steps(n_begin + i, codes + i * stride_);
    }
    return;
  }
  // Padding is what bytes of 0 stand for.
  const auto padding = static_cast<uint8_t>(trit_of_code(packing_, 0, 0) + 1);
  uint8_t* starts[max_rows];
  for (int64_t i = 0; i < rows; ++i) {
    uint8_t* row = codes + i * stride_;
    std::fill(row + k_, row + round_up(k_, blocks_.inputs), padding);
    starts[i] = bytes_.data() + map_.byte_offset(map_.along_n(n_begin + i));
  }
  blocks_.write(blocks_, {starts, static_cast<size_t>(rows)}, codes, stride_);
}

void TritWriter::write_steps(int64_t n, const uint8_t* codes) const {
  const PackingInfo& packing = info(packing_);
  const int64_t position = map_.along_n(n), byte_stride = map_.byte_stride();
  const auto index = static_cast<int>(position % packing.weights_per_group);
  // The weight's bits in each byte of a group, by code.
  uint8_t bits[4][8] = {};
  for (int code = 0; code < (packing.holds.i2 ? 4 : 3); ++code) {
    if (code != 1 || packing.holds.trits) encode_trit(packing_, bits[code], 1, index, code - 1);
  }
  for (int i = 0; i < packing.bytes_per_group; ++i) {
    uint8_t* base = bytes_.data() + map_.byte_offset(position) + i * byte_stride;
    const auto others = static_cast<uint8_t>(~(bits[0][i] | bits[1][i] | bits[2][i] | bits[3][i]));
    for (int64_t k = 0; k < k_; ++k) {
      uint8_t& byte = base[step_offsets_[k]];
      byte = static_cast<uint8_t>((byte & others) | bits[codes[k]][i]);
    }
  }
}

void TritWriter::write_one_by_one(int64_t n, const uint8_t* codes) const {
  for (int64_t k = 0; k < k_; ++k) {
    const int64_t position = map_.position(n, k);
    const auto index = static_cast<int>(position % info(packing_).weights_per_group);
    encode_trit(packing_, bytes_.data() + map_.byte_offset(position), map_.byte_stride(), index,
                codes[k] - 1);
  }
}

}  // namespace tern::ir
