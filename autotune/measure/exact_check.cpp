#include "autotune/measure/exact_check.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "autotune/measure/check_case.h"
#include "autotune/measure/guarded.h"
#include "autotune/measure/packed_copies.h"
#include "base/memory.h"
#include "ir/program/interpret.h"

namespace tern::autotune {
namespace {

constexpr unsigned seconds_until_it_hangs = 60;

// What kernels may read, not write, behind a buffer.
constexpr size_t spare_bytes = 4096;

// In the order in which they run.
std::vector<const codegen::CompiledKernel*> programs(const Code& code) {
  std::vector<const codegen::CompiledKernel*> all;
  for (const codegen::CompiledKernel& preparation : code.preparations) all.push_back(&preparation);
  all.push_back(&code.kernel);
  return all;
}

size_t bytes_of(const ir::Buffer& buffer) {
  return static_cast<size_t>(buffer.bytes());
}

// The iterations that compute these outputs, of all rows.
std::vector<ir::Range> iterations(const ir::Kernel& kernel, const CheckCase::Known& outputs) {
  std::vector<ir::Range> ranges;
  for (const ir::ScheduledLoop& loop : kernel.schedule.loops) {
    if (loop.kind != ir::LoopKind::parallel) continue;
    if (loop.axis == ir::Axis::n)
      ranges.push_back({outputs.begin / loop.step, ir::ceil_divide(outputs.end, loop.step)});
    else
      ranges.push_back({0, ir::ceil_divide(kernel.problem.m, loop.step)});
  }
  return ranges;
}

// Whether one of its programs computes it: other buffers are inputs.
bool computes(const Code& code, const ir::Buffer& buffer) {
  return std::ranges::any_of(programs(code), [&](const codegen::CompiledKernel* program) {
    return std::ranges::any_of(program->program().buffers, [&](const ir::Buffer& other) {
      return other.role == buffer.role && other.kind == ir::BufferKind::output;
    });
  });
}

bool is_packed(const ir::Buffer& buffer) {
  return buffer.role == ir::BufferRole::weights || buffer.role == ir::BufferRole::group_scales;
}

}  // namespace

struct ExactCheck::Data {
  Data(const ir::Problem& problem, ThreadPool& threads, size_t packed_bytes)
      : pool(threads), known(problem), packed(known, packed_bytes) {}

  ThreadPool& pool;
  CheckCase known;
  PackedCopies packed;
  struct Input {
    Memory memory;
    int64_t size = 0;  // elements that are filled in
  };
  std::map<ir::BufferRole, Input> inputs;
  std::map<ir::BufferRole, Memory> outputs;  // of children each its own

  Expected<size_t> prepare(std::span<const Code> codes);
  Status prepare_input(const ir::Buffer& buffer);
  Status clear_output(const ir::Buffer& buffer);
  ir::Arguments arguments(const codegen::CompiledKernel& program, const PackedCopies::Copy& weights) const;
  std::string check(const Code& code);
};

Status ExactCheck::Data::prepare_input(const ir::Buffer& buffer) {
  Input& input = inputs[buffer.role];
  if (input.size >= buffer.size) return {};
  TERN_ASSIGN(Memory memory, Memory::allocate(bytes_of(buffer) + spare_bytes, {.for_children = true}));
  known.fill(buffer, memory.data());
  memory.make_read_only();
  input = {std::move(memory), buffer.size};
  return {};
}

// Makes ready what as many of the codes need as there is room for, and tells how many these are.
Expected<size_t> ExactCheck::Data::prepare(std::span<const Code> codes) {
  std::vector<const ir::Kernel*> kernels;
  for (const Code& code : codes) kernels.push_back(&code.kernel.kernel());
  const size_t count = packed.pack(kernels, pool);
  for (const Code& code : codes.first(count)) {
    for (const codegen::CompiledKernel* program : programs(code)) {
      for (const ir::Buffer& buffer : parameters(program->program())) {
        if (is_packed(buffer) || computes(code, buffer)) continue;
        TERN_TRY(prepare_input(buffer));
      }
    }
  }
  return count;
}

// What is not written shows.
Status ExactCheck::Data::clear_output(const ir::Buffer& buffer) {
  Memory& memory = outputs[buffer.role];
  if (memory.size() < bytes_of(buffer) + spare_bytes) {
    TERN_ASSIGN(memory, Memory::allocate(bytes_of(buffer) + spare_bytes, {.for_children = true}));
  }
  std::memset(memory.data(), 0xff, bytes_of(buffer));
  return {};
}

ir::Arguments ExactCheck::Data::arguments(const codegen::CompiledKernel& program,
                                          const PackedCopies::Copy& weights) const {
  return {program.program(), [&](const ir::Buffer& buffer) -> void* {
            if (buffer.role == ir::BufferRole::weights) return weights.weights.data();
            if (buffer.role == ir::BufferRole::group_scales) return weights.scales.data();
            if (const auto output = outputs.find(buffer.role); output != outputs.end())
              return output->second.data();
            return inputs.at(buffer.role).memory.data();
          }};
}

// Of code for which all is ready.
std::string ExactCheck::Data::check(const Code& code) {
  const ir::Kernel& kernel = code.kernel.kernel();
  const PackedCopies::Copy& weights = *packed.find(kernel);
  if (!weights.problem.empty()) return weights.problem;
  for (const codegen::CompiledKernel* program : programs(code)) {
    for (const ir::Buffer& buffer : program->program().buffers) {
      if (buffer.kind != ir::BufferKind::output) continue;
      if (const Status room = clear_output(buffer); !room) return room.error().message;
    }
  }
  for (const codegen::CompiledKernel& preparation : code.preparations)
    preparation(arguments(preparation, weights), full_ranges(preparation.program()));
  for (const CheckCase::Known& part : known.known())
    code.kernel(arguments(code.kernel, weights), iterations(kernel, part));
  return known.compare(reinterpret_cast<const float*>(outputs.at(ir::BufferRole::output).data()),
                       kernel.problem.m);
}

ExactCheck::ExactCheck(const ir::Problem& problem, ThreadPool& pool, size_t packed_bytes)
    : data_(std::make_unique<Data>(problem, pool, packed_bytes)) {}
ExactCheck::~ExactCheck() = default;

size_t ExactCheck::packed_bytes() const {
  return data_->packed.bytes();
}

std::string ExactCheck::check(const Code& code) {
  const Expected<size_t> ready = data_->prepare({&code, 1});
  return ready ? data_->check(code) : ready.error().message;
}

std::vector<std::string> ExactCheck::check_guarded(std::span<const Code> codes) {
  std::vector<std::string> messages;
  while (messages.size() < codes.size()) {
    const std::span<const Code> rest = codes.subspan(messages.size());
    const Expected<size_t> ready = data_->prepare(rest);
    if (!ready) {
      messages.resize(codes.size(), ready.error().message);
      break;
    }
    const std::vector<std::string> found = call_guarded(*ready, data_->pool, seconds_until_it_hangs,
                                                        [&](size_t i) { return data_->check(rest[i]); });
    messages.insert(messages.end(), found.begin(), found.end());
  }
  return messages;
}

}  // namespace tern::autotune
