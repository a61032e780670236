#include "autotune/exact_check.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <map>

#include "autotune/pages.h"
#include "ir/interpret.h"
#include "ir/pack.h"
#include "ir/reference.h"

namespace tern::autotune {
namespace {

// A pseudo-random number for each place (splitmix64).
uint64_t noise(uint64_t place) {
  uint64_t x = (place + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}
float small_float(uint64_t place) {
  return static_cast<float>(noise(place) % 4001) / 1000 - 2;
}

// Rows of activations that differ. No tile of the space has so many rows or a multiple, or a kernel that
// takes one tile for another would pass.
constexpr int64_t distinct_rows = 11;

// Outputs at either end that are compared, where all would take too long.
constexpr int64_t most_weights = int64_t{1} << 26, outputs_at_an_end = 1024;

constexpr unsigned seconds_until_it_hangs = 60;

struct Buffers {
  std::map<std::string, Pages> pages;
  Status add(const ir::Program& program) {
    for (int i = 0; i < passed_buffers(program); ++i) {
      const ir::Buffer& buffer = program.buffers[i];
      const auto bytes = static_cast<size_t>(buffer.size * size_in_bytes(buffer.element)) + 4096;
      Pages& own = pages[buffer.name];
      if (buffer.name == "W" || own.size() >= bytes) continue;
      Expected<Pages> made = Pages::allocate(bytes, Pages::Children::copy);
      if (!made) return made.error();
      own = made.take();
    }
    return {};
  }
  template <class T>
  T* at(const std::string& name) {
    return reinterpret_cast<T*>(pages.at(name).data());
  }
};

}  // namespace

struct ExactCheck::Data {
  explicit Data(const ir::Problem& of);

  ir::Problem problem;
  std::vector<int64_t> outputs;         // that are compared, ascending
  ir::Problem small;                    // of these and of the distinct rows
  ir::MatmulInputs inputs;              // of the small problem
  std::vector<float> expected;          // [rows, outputs]
  std::map<std::string, Pages> packed;  // by the layout's text

  Expected<std::byte*> pack(const ir::Kernel& kernel);
  void pack_dense_weights(const ir::Kernel& kernel, std::byte* destination) const;
  void fill(const ir::Kernel& kernel, const ir::Program& program, Buffers& buffers) const;
  std::vector<ir::Range> ranges(const ir::Kernel& kernel, bool end) const;
  std::string check(const Code& code);
};

ExactCheck::Data::Data(const ir::Problem& of) : problem(of), small(of) {
  const bool all = problem.n * problem.k <= most_weights || problem.n <= 2 * outputs_at_an_end;
  for (int64_t n = 0; n < problem.n; ++n) {
    if (all || n < outputs_at_an_end || n >= problem.n - outputs_at_an_end) outputs.push_back(n);
  }
  small.n = static_cast<int64_t>(outputs.size());
  small.m = std::min(problem.m, distinct_rows);
  const int64_t weights = small.n * small.k, activations = small.m * small.k;
  if (problem.is_ternary()) {
    const bool signs = problem.weight == ir::Element::sign;
    inputs.trits.resize(weights);
    for (int64_t i = 0; i < weights; ++i)
      inputs.trits[i] = static_cast<int8_t>(signs ? static_cast<int>(noise(i) % 2) * 2 - 1
                                                  : static_cast<int>(noise(i) % 3) - 1);
    inputs.quantized.resize(activations);
    for (int64_t i = 0; i < activations; ++i)
      inputs.quantized[i] =
          static_cast<int8_t>(static_cast<int>(noise(~static_cast<uint64_t>(i)) % 255) - 127);
    // The second row is as large as can be, so that sums that are too narrow show.
    if (small.m > 1)
      for (int64_t k = 0; k < small.k; ++k)
        inputs.quantized[small.k + k] = static_cast<int8_t>(inputs.trits[k] < 0 ? -127 : 127);
    for (int64_t m = 0; m < small.m; ++m)
      inputs.activation_scales.push_back(std::abs(small_float(m)) * 50 + 1);
    inputs.weight_scale = 0.37f;
    for (int64_t n = 0; n < small.n; ++n) inputs.output_scales.push_back(small_float(n));
  } else {
    const ir::Packing packing = *ir::packing_named(name(problem.weight));
    const bool whole = problem.scaling == ir::Scaling::group;
    const auto low = whole ? static_cast<int64_t>(lowest(problem.weight)) : 0;
    const int64_t count = whole ? static_cast<int64_t>(highest(problem.weight)) - low + 1 : 1;
    inputs.dense.resize(weights);
    for (int64_t i = 0; i < weights; ++i) {
      // Rounded as they will be stored.
      uint8_t bytes[4] = {};
      const auto number = static_cast<int64_t>(noise(i) % static_cast<uint64_t>(count));
      encode_dense(packing, bytes, whole ? static_cast<float>(low + number) : small_float(i));
      inputs.dense[i] = decode_dense(packing, bytes);
    }
    if (whole) {
      const int64_t groups = ir::ceil_divide(small.k, small.scale_group);
      for (int64_t i = 0; i < small.n * groups; ++i) inputs.group_scales.push_back(small_float(i));
    }
    for (int64_t i = 0; i < activations; ++i) inputs.activations.push_back(small_float(i));
  }
  expected = reference(small, inputs);
}

void ExactCheck::Data::pack_dense_weights(const ir::Kernel& kernel, std::byte* destination) const {
  const ir::LayoutMap map(kernel.weights, problem.n, problem.k);
  const auto pack = [&]<class T>(T*) {
    const std::span<T> bytes(reinterpret_cast<T*>(destination), map.size_in_bytes() / sizeof(T));
    for (size_t i = 0; i < outputs.size(); ++i) {
      ir::pack_dense<T>(
          kernel.weights, bytes, problem.n, problem.k, outputs[i], outputs[i] + 1, [&](int64_t, T* row) {
            for (int64_t k = 0; k < problem.k; ++k) {
              const float value = inputs.dense[i * problem.k + k];
              if (problem.weight == ir::Element::i4)
                row[k] = static_cast<T>(value);  // as pack_dense takes them
              else
                encode_dense(kernel.weights.packing, reinterpret_cast<uint8_t*>(row + k), value);
            }
          });
    }
  };
  switch (row(kernel.weights.packing).bytes_per_group) {
    case 1: return pack(static_cast<int8_t*>(nullptr));
    case 2: return pack(static_cast<uint16_t*>(nullptr));
    default: return pack(static_cast<float*>(nullptr));
  }
}

// The weights in the kernel's layout, made once for all kernels that share it.
Expected<std::byte*> ExactCheck::Data::pack(const ir::Kernel& kernel) {
  const auto [place, is_new] = packed.try_emplace(print(kernel.weights));
  if (!is_new) return place->second.data();
  const ir::LayoutMap map(kernel.weights, problem.n, problem.k);
  const auto size = static_cast<size_t>(map.size_in_bytes());
  Expected<Pages> pages = Pages::allocate(size + 4096, Pages::Children::copy);
  if (!pages) {
    packed.erase(place);
    return pages.error();
  }
  place->second = pages.take();
  std::byte* start = place->second.data();
  if (!problem.is_ternary()) {
    pack_dense_weights(kernel, start);
    return start;
  }
  const std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(start), size);
  if (small.n == problem.n) {
    ir::pack_trits(kernel.weights, inputs.trits, bytes, problem.n, problem.k);
    return start;
  }
  std::vector<int8_t> trits(static_cast<size_t>(problem.n * problem.k),
                            problem.weight == ir::Element::sign ? 1 : 0);
  for (size_t i = 0; i < outputs.size(); ++i)
    std::copy_n(&inputs.trits[i * problem.k], problem.k, &trits[outputs[i] * problem.k]);
  ir::pack_trits(kernel.weights, trits, bytes, problem.n, problem.k);
  return start;
}

void ExactCheck::Data::fill(const ir::Kernel& kernel, const ir::Program& program, Buffers& buffers) const {
  const int64_t stride = activation_stride(problem);
  const auto has = [&](const char* name) { return buffers.pages.contains(name); };
  for (int64_t m = 0; m < problem.m; ++m) {
    const int64_t row = m % small.m;
    if (!problem.is_ternary()) {
      std::copy_n(&inputs.activations[row * problem.k], problem.k, buffers.at<float>("A") + m * stride);
      continue;
    }
    const int8_t* values = &inputs.quantized[row * problem.k];
    if (has("A")) std::copy_n(values, problem.k, buffers.at<int8_t>("A") + m * stride);
    int32_t sum = 0;
    for (int64_t k = 0; k < problem.k; ++k) sum += values[k];
    if (has("asum")) buffers.at<int32_t>("asum")[m] = sum;
    buffers.at<float>("sa")[m] = inputs.activation_scales[row];
  }
  if (problem.is_ternary() && problem.scaling == ir::Scaling::tensor)
    buffers.at<float>("sw")[0] = inputs.weight_scale;
  if (problem.is_ternary() && problem.scaling == ir::Scaling::row) {
    for (size_t i = 0; i < outputs.size(); ++i) buffers.at<float>("sw")[outputs[i]] = inputs.output_scales[i];
  }
  if (problem.scaling == ir::Scaling::group) {
    const int64_t groups = ir::ceil_divide(problem.k, problem.scale_group);
    const auto size = static_cast<size_t>(program.buffers[1].size);
    for (size_t i = 0; i < outputs.size(); ++i)
      ir::pack_dense<float>(
          *kernel.scales, {buffers.at<float>("S"), size}, problem.n, groups, outputs[i], outputs[i] + 1,
          [&](int64_t, float* row) { std::copy_n(&inputs.group_scales[i * groups], groups, row); });
  }
}

// The iterations that compute the outputs at the beginning, or at the end.
std::vector<ir::Range> ExactCheck::Data::ranges(const ir::Kernel& kernel, bool end) const {
  std::vector<ir::Range> ranges;
  for (const ir::ScheduledLoop& loop : kernel.schedule.loops) {
    if (loop.kind != ir::LoopKind::parallel) continue;
    const int64_t trips = ir::ceil_divide(loop.axis == ir::Axis::n ? problem.n : problem.m, loop.step);
    if (loop.axis != ir::Axis::n || small.n == problem.n)
      ranges.push_back({0, trips});
    else if (end)
      ranges.push_back({(problem.n - outputs_at_an_end) / loop.step, trips});
    else
      ranges.push_back({0, ir::ceil_divide(outputs_at_an_end, loop.step)});
  }
  return ranges;
}

std::string ExactCheck::Data::check(const Code& code) {
  const ir::Kernel& kernel = code.kernel.kernel();
  const ir::Program& program = code.kernel.program();
  Buffers buffers;
  Status room = buffers.add(program);
  if (room && code.tables) room = buffers.add(code.tables->program());
  if (!room) return room.error().message;
  const Expected<std::byte*> weights = pack(kernel);
  if (!weights) return weights.error().message;
  fill(kernel, program, buffers);
  const auto pointers = [&](const ir::Program& of) {
    std::vector<void*> result;
    for (int i = 0; i < passed_buffers(of); ++i) {
      const std::string& name = of.buffers[i].name;
      result.push_back(name == "W" ? *weights : buffers.at<std::byte>(name));
    }
    return result;
  };
  if (code.tables) (*code.tables)(pointers(code.tables->program()), full_ranges(code.tables->program()));
  // What is not written shows.
  std::memset(buffers.at<std::byte>("C"), 0xff, buffers.pages.at("C").size());
  code.kernel(pointers(program), ranges(kernel, false));
  if (small.n != problem.n) code.kernel(pointers(program), ranges(kernel, true));

  for (int64_t m = 0; m < problem.m; ++m) {
    const float* row = buffers.at<float>("C") + m * output_stride(problem);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const float& should = expected[(m % small.m) * small.n + static_cast<int64_t>(i)];
      if (std::memcmp(&row[outputs[i]], &should, sizeof should) != 0)
        return fmt::format("C[{},{}] is {} and should be {}", m, outputs[i], row[outputs[i]], should);
    }
  }
  return {};
}

ExactCheck::ExactCheck(const ir::Problem& problem) : data_(std::make_unique<Data>(problem)) {}
ExactCheck::~ExactCheck() = default;

std::string ExactCheck::check(const Code& code) {
  return data_->check(code);
}

namespace {

// What a child tells of one check, in memory that its parent sees.
struct Verdict {
  enum class State : uint8_t { untouched, running, right, wrong } state;
  char message[200];
};

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    return fmt::format("did not end within {} seconds", seconds_until_it_hangs);
  if (WIFSIGNALED(status)) return fmt::format("crashed: {}", strsignal(WTERMSIG(status)));
  return "ended the process that ran it";
}

}  // namespace

std::vector<std::string> ExactCheck::check_guarded(std::span<const Code> codes) {
  std::vector<std::string> messages(codes.size());
  const size_t bytes = std::max<size_t>(codes.size(), 1) * sizeof(Verdict);
  void* shared = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return std::vector<std::string>(codes.size(), "no memory to check it with");
  auto* verdicts = static_cast<Verdict*>(shared);
  // Packed before the first fork, or each child would do it again.
  for (const Code& code : codes) (void)data_->pack(code.kernel.kernel());

  for (size_t next = 0; next < codes.size();) {
    const pid_t child = fork();
    if (child < 0) {
      for (; next < codes.size(); ++next) messages[next] = "no process to check it in";
      break;
    }
    if (child == 0) {
      std::signal(SIGINT, SIG_IGN);  // the parent ends in order, and waits for us
      for (size_t i = next; i < codes.size(); ++i) {
        verdicts[i].state = Verdict::State::running;
        alarm(seconds_until_it_hangs);
        const std::string message = data_->check(codes[i]);
        message.copy(verdicts[i].message, sizeof verdicts[i].message - 1);
        verdicts[i].state = message.empty() ? Verdict::State::right : Verdict::State::wrong;
      }
      _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    for (; next < codes.size() && verdicts[next].state >= Verdict::State::right; ++next)
      messages[next] = verdicts[next].message;
    if (next < codes.size()) messages[next++] = how_it_ended(status);
  }
  munmap(shared, bytes);
  return messages;
}

}  // namespace tern::autotune
