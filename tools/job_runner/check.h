// Right before fast: a kernel's outputs against those of a plain computation, bit for bit, in a process of
// its own, so that one that crashes or never ends takes nothing with it.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <string>

#include "candidates.h"
#include "memory.h"

namespace tern::job {

constexpr unsigned seconds_until_it_hangs = 60;

// The inputs of a bucket, and what must come out.
struct Inputs {
  explicit Inputs(const Bucket& of) : bucket(of), rows(std::min<int64_t>(of.m, 5)) {
    // Of many outputs, those at the ends and a few between are computed.
    constexpr int64_t max_weights = int64_t{1} << 20, at_an_end = 40, between = 61;
    for (int64_t n = 0; n < bucket.n; ++n) {
      if (bucket.n * bucket.k <= max_weights || n < at_an_end || n >= bucket.n - at_an_end ||
          n % between == 0)
        outputs.push_back(n);
    }
    for (int64_t i = 0; i < rows * bucket.k; ++i) {
      if (bucket.quantized)
        whole.push_back(static_cast<int8_t>(static_cast<int>(noise(~static_cast<uint64_t>(i)) % 255) - 127));
      else
        real.push_back(small_float(static_cast<uint64_t>(i)));
    }
    // The second row is as large as can be, so that sums that are too narrow show.
    for (int64_t k = 0; bucket.quantized && rows > 1 && k < bucket.k; ++k)
      whole[static_cast<size_t>(bucket.k + k)] = weight(bucket, 0, k).value < 0 ? -127 : 127;
    for (int64_t m = 0; m < rows; ++m) {
      for (const int64_t n : outputs) expected.push_back(bucket.quantized ? quantized(m, n) : dense(m, n));
    }
  }

  float activation_scale(int64_t m) const {
    return std::fabs(small_float(static_cast<uint64_t>(m % rows))) * 50 + 1;
  }
  float weight_scale(int64_t n) const {
    return bucket.scaling == Scaling::row ? small_float(static_cast<uint64_t>(n)) : 0.37f;
  }
  float activation_factor(int64_t m, int64_t group) const {
    return std::fabs(small_float(static_cast<uint64_t>(m % rows * bucket.k + group))) / 64;
  }
  // The inputs of an exact sum.
  int64_t sum_group() const {
    const int64_t w = bucket.scaling == Scaling::group ? bucket.scale_group : bucket.k;
    return bucket.activation_group > 0 ? std::min(w, bucket.activation_group) : w;
  }
  // The larger of the groups, where both operands have them.
  int64_t outer_group() const {
    if (bucket.scaling != Scaling::group || bucket.activation_group <= 0) return sum_group();
    return std::max(bucket.scale_group, bucket.activation_group);
  }
  int64_t groups() const { return (bucket.k + bucket.scale_group - 1) / bucket.scale_group; }

  const Bucket& bucket;
  int64_t rows;                  // that differ: row m is as m % rows
  std::vector<int64_t> outputs;  // that are compared
  std::vector<int8_t> whole;     // of quantized problems: activations [rows, k]
  std::vector<float> real;       // of the others
  std::vector<float> expected;   // [rows, outputs]

 private:
  // f32(sum) for each group, scaled, in ascending order; without groups there is one. Where both operands
  // have groups, the smaller ones' (A's where they are equal) are summed within the larger ones, and these
  // scaled and summed. Volatile, so that no compiler fuses a product and a sum.
  float quantized(int64_t m, int64_t n) const {
    const bool w_grouped = bucket.scaling == Scaling::group, a_grouped = bucket.activation_group > 0;
    const bool a_first = a_grouped && (!w_grouped || bucket.activation_group <= bucket.scale_group);
    const auto scale = [&](volatile float& x, bool of_a, int64_t k) {
      if (of_a ? !a_grouped : !w_grouped) return;
      x = x * (of_a ? activation_factor(m, k / bucket.activation_group)
                    : group_scale(bucket, n, k / bucket.scale_group));
    };
    float total = 0;
    for (int64_t first = 0; first < bucket.k; first += outer_group()) {
      volatile float group = 0;
      const int64_t end = std::min(first + outer_group(), bucket.k);
      for (int64_t inner = first; inner < end; inner += sum_group()) {
        int32_t sum = 0;
        for (int64_t k = inner; k < std::min(inner + sum_group(), end); ++k)
          sum +=
              whole[static_cast<size_t>(m * bucket.k + k)] * static_cast<int32_t>(weight(bucket, n, k).value);
        volatile float scaled = static_cast<float>(sum);
        scale(scaled, a_first, inner);
        group = group + scaled;
      }
      scale(group, !a_first, first);
      total += group;
    }
    if (bucket.activation_group == 0) total = total / activation_scale(m);
    return bucket.scaling == Scaling::group ? total : total * weight_scale(n);
  }
  // In ascending k, each product and each sum rounded. Volatile, so that no compiler fuses them.
  float dense(int64_t m, int64_t n) const {
    float sum = 0;
    for (int64_t k = 0; k < bucket.k; ++k) {
      volatile float scaled = weight(bucket, n, k).value;
      if (bucket.scaling == Scaling::group) scaled = scaled * group_scale(bucket, n, k / bucket.scale_group);
      volatile float product = real[static_cast<size_t>(m * bucket.k + k)] * scaled;
      sum += product;
    }
    return sum;
  }
};

// A kernel with memory for all but its weights.
class Call {
 public:
  Call(const Inputs& inputs, const Candidate& candidate)
      : kernel(candidates_bundle.targets[0].kernels[candidate.kernel]), candidate_(candidate) {
    for (int64_t p = 0; p < kernel.preparation_count; ++p) {
      const tern_preparation& preparation = *kernel.preparations[p];
      for (int64_t i = 0; i < preparation.buffer_count; ++i) add(preparation.buffers[i]);
    }
    for (int64_t i = 0; i < kernel.buffer_count; ++i) add(kernel.buffers[i]);
    fill(inputs);
    for (int64_t p = 0; p < kernel.preparation_count; ++p) run(*kernel.preparations[p]);
  }

  uint8_t* at(const std::string& name) const {
    const auto found = memory_.find(name);
    return found == memory_.end() ? nullptr : found->second.data();
  }

  // One thread's share of the whole.
  void run(const uint8_t* weights, int thread, int threads) const {
    std::vector<void*> pointers;
    for (int64_t i = 0; i < kernel.buffer_count; ++i) pointers.push_back(at(kernel.buffers[i].name));
    pointers[0] = const_cast<uint8_t*>(weights);
    std::vector<int64_t> ranges;
    for (int64_t i = 0; i < kernel.loop_count; ++i) {
      const bool shared = i == candidate_.shared_loop;
      ranges.push_back(shared ? kernel.trips[i] * thread / threads : 0);
      ranges.push_back(shared ? kernel.trips[i] * (thread + 1) / threads : kernel.trips[i]);
    }
    if (thread == 0 || candidate_.shared_loop >= 0) kernel.function(pointers.data(), ranges.data());
  }

  // A preparation of all rows.
  void run(const tern_preparation& preparation) const {
    std::vector<void*> pointers;
    for (int64_t i = 0; i < preparation.buffer_count; ++i)
      pointers.push_back(at(preparation.buffers[i].name));
    std::vector<int64_t> ranges;
    for (int64_t i = 0; i < preparation.loop_count; ++i) {
      ranges.push_back(0);
      ranges.push_back(preparation.trips[i]);
    }
    preparation.function(pointers.data(), ranges.data());
  }

  const tern_kernel& kernel;

 private:
  // Kernels may look a little ahead of what they use.
  void add(const tern_buffer& buffer) {
    const bool is_weights = std::strcmp(buffer.name, "W") == 0;
    if (!is_weights) memory_.emplace(buffer.name, Memory(static_cast<size_t>(buffer.bytes) + 65536));
  }

  void fill(const Inputs& inputs) const {
    const Bucket& bucket = inputs.bucket;
    const auto k = static_cast<size_t>(bucket.k);
    for (int64_t m = 0; m < bucket.m; ++m) {
      const size_t row = static_cast<size_t>(m % inputs.rows) * k;
      const auto place = static_cast<size_t>(m * bucket.a_stride);
      if (!bucket.quantized) {
        std::memcpy(at("A") + place * sizeof(float), &inputs.real[row], k * sizeof(float));
        continue;
      }
      if (at("A")) std::memcpy(at("A") + place, &inputs.whole[row], k);
      fill_row(inputs, m, &inputs.whole[row]);
    }
    if (at("sw")) {
      const int64_t scales = bucket.scaling == Scaling::row ? bucket.n : 1;
      for (int64_t n = 0; n < scales; ++n) reinterpret_cast<float*>(at("sw"))[n] = inputs.weight_scale(n);
    }
    for (int64_t n = 0; candidate_.scales && n < bucket.n; ++n) {
      for (int64_t group = 0; group < inputs.groups(); ++group) {
        const int64_t place = along(*candidate_.scales, 'n', n) + along(*candidate_.scales, 'k', group);
        const float scale = group_scale(bucket, n, group);
        if (bucket.f16_scales)
          reinterpret_cast<uint16_t*>(at("S"))[place] = f16_bits(scale);
        else
          reinterpret_cast<float*>(at("S"))[place] = scale;
      }
    }
  }

  // What there is for a row of whole activations, or for each of its groups.
  void fill_row(const Inputs& inputs, int64_t m, const int8_t* row) const {
    const Bucket& bucket = inputs.bucket;
    const int64_t group = inputs.sum_group();
    const bool grouped = bucket.scaling == Scaling::group || bucket.activation_group > 0;
    const int64_t sums = grouped ? (bucket.a_stride + group - 1) / group : 1;
    for (int64_t k = 0; at("asum") && k < bucket.k; ++k)
      reinterpret_cast<int32_t*>(at("asum"))[m * sums + k / group] += row[k];
    if (at("sa")) reinterpret_cast<float*>(at("sa"))[m] = inputs.activation_scale(m);
    if (!at("da")) return;
    const int64_t factors = (bucket.a_stride + bucket.activation_group - 1) / bucket.activation_group;
    for (int64_t i = 0; i * bucket.activation_group < bucket.k; ++i)
      reinterpret_cast<float*>(at("da"))[m * factors + i] = inputs.activation_factor(m, i);
  }

  const Candidate& candidate_;
  std::map<std::string, Memory> memory_;
};

// The weights of the outputs that are compared; the others are what bytes of 0 stand for.
inline Memory pack(const Inputs& inputs, const Candidate& candidate, const tern_kernel& kernel) {
  Memory memory(static_cast<size_t>(kernel.buffers[0].bytes) + 65536);
  const Bucket& bucket = inputs.bucket;
  Packer packer(*candidate.weights, memory.data());
  std::vector<int64_t> along_k;
  for (int64_t k = 0; k < bucket.k; ++k) along_k.push_back(along(*candidate.weights, 'k', k));
  for (const int64_t n : inputs.outputs) {
    const int64_t along_n = along(*candidate.weights, 'n', n);
    for (int64_t k = 0; k < bucket.k; ++k)
      packer.write(along_n + along_k[static_cast<size_t>(k)], weight(bucket, n, k).stored);
  }
  return memory;
}

// What is wrong with a kernel's outputs; empty if nothing is.
inline std::string check(const Inputs& inputs, const Candidate& candidate) {
  const Call call(inputs, candidate);
  const Memory weights = pack(inputs, candidate, call.kernel);
  const Bucket& bucket = inputs.bucket;
  const auto* c = reinterpret_cast<const float*>(call.at("C"));
  std::memset(call.at("C"), 0xff, static_cast<size_t>(bucket.m * bucket.c_stride) * sizeof(float));
  call.run(weights.data(), 0, 1);
  const auto count = static_cast<int64_t>(inputs.outputs.size());
  for (int64_t m = 0; m < bucket.m; ++m) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t n = inputs.outputs[static_cast<size_t>(i)];
      const float is = c[m * bucket.c_stride + n];
      const float should = inputs.expected[static_cast<size_t>(m % inputs.rows * count + i)];
      if (std::memcmp(&is, &should, sizeof is) == 0) continue;
      char text[120];
      std::snprintf(text, sizeof text, "C[%lld,%lld] is %g and should be %g", static_cast<long long>(m),
                    static_cast<long long>(n), static_cast<double>(is), static_cast<double>(should));
      return text;
    }
  }
  return {};
}

inline std::string how_it_ended(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    return "did not end within " + std::to_string(seconds_until_it_hangs) + " seconds";
  if (WIFSIGNALED(status)) return std::string("crashed: ") + strsignal(WTERMSIG(status));
  return "ended the process that ran it";
}

// The same in a child process.
inline std::string check_guarded(const Inputs& inputs, const Candidate& candidate) {
  int ends[2];
  if (pipe(ends) != 0) return "no process to check it in";
  const pid_t child = fork();
  if (child < 0) return "no process to check it in";
  if (child == 0) {
    std::signal(SIGINT, SIG_IGN);  // the parent ends in order, and waits for this
    alarm(seconds_until_it_hangs);
    const std::string message = check(inputs, candidate);
    const bool told = write(ends[1], message.data(), message.size()) == static_cast<ssize_t>(message.size());
    _exit(told ? (message.empty() ? 0 : 1) : 2);
  }
  close(ends[1]);
  char text[120];
  const ssize_t length = read(ends[0], text, sizeof text);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return length > 0 ? std::string(text, static_cast<size_t>(length)) : how_it_ended(status);
}

}  // namespace tern::job
