#include "tests/support/arm_harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "codegen/jit/compile.h"
#include "ir/kernel/verify_kernel.h"
#include "ir/program/verify_program.h"
#include "targets/host.h"
#include "tests/support/runnable_targets.h"

namespace tern::testing {
namespace {

namespace fs = std::filesystem;
using targets::Feature;
using targets::Target;

// A new folder, removed at the end with all that is in it.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "tern-arm-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

struct Outcome {
  int exit_code;
  std::string output;
};

// What a shell command prints, errors with it.
Outcome run(const std::string& command) {
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (!pipe) return {-1, "cannot run " + command};
  std::string output;
  char buffer[4096];
  for (size_t count; (count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, count);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

void write_number(std::ofstream& out, int64_t value) {
  out.write(reinterpret_cast<const char*>(&value), sizeof value);
}

void write_bytes(std::ofstream& out, const std::vector<std::byte>& bytes) {
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// In the order in which arm_harness_program.cpp reads it.
void write_calls(const std::string& file, const std::vector<ArmCall>& calls) {
  std::ofstream out(file, std::ios::binary);
  write_number(out, static_cast<int64_t>(calls.size()));
  for (const ArmCall& call : calls) {
    write_number(out, static_cast<int64_t>(call.before.size()));
    for (size_t i = 0; i < call.before.size(); ++i) {
      write_number(out, call.program.buffers[i].element == ir::Element::f32);
      write_number(out, static_cast<int64_t>(call.before[i].size()));
      write_bytes(out, call.before[i]);
      write_bytes(out, call.after[i]);
    }
    const std::vector<ir::Range> ranges = full_ranges(call.program);
    write_number(out, static_cast<int64_t>(2 * ranges.size()));
    for (const ir::Range& range : ranges) {
      write_number(out, range.begin);
      write_number(out, range.end);
    }
  }
}

// Objects of all programs and the table of their functions, linked with the harness.
void link(const Folder& folder, const Target& target, const std::vector<ArmCall>& calls) {
  std::ofstream objects(folder.file("objects")), table(folder.file("table.s"));
  table << ".section .note.GNU-stack,\"\",%progbits\n.data\n.balign 8\n.globl "
           "tern_functions\ntern_functions:\n";
  for (size_t i = 0; i < calls.size(); ++i) {
    ir::Program program = calls[i].program;
    program.name = fmt::format("program{}", i);
    const Expected<std::string> object = codegen::compile(program, target, codegen::Output::object);
    ASSERT_TRUE(object) << object.error().text();
    const std::string file = folder.file(program.name + ".o");
    std::ofstream(file, std::ios::binary) << *object;
    objects << file << '\n';
    table << ".quad " << program.name << '\n';
  }
  objects.close();
  table.close();
  const Outcome linked =
      run(fmt::format("{} -static -o '{}' '{}' '{}' '@{}'", TERN_ARM_CXX, folder.file("run"),
                      TERN_ARM_HARNESS, folder.file("table.s"), folder.file("objects")));
  ASSERT_EQ(linked.exit_code, 0) << linked.output;
}

// A line about a buffer, of which the harness knows the number only.
std::string with_name(const std::string& line, const ArmCall& call) {
  int buffer = 0;
  if (std::sscanf(line.c_str(), "buffer %d", &buffer) != 1) return line;
  return fmt::format("{} ({})", line, call.program.buffers[static_cast<size_t>(buffer)].name);
}

// Adds a failure for each call of which the harness has something to say.
void report(const std::string& where, const Outcome& outcome, const std::vector<ArmCall>& calls) {
  std::istringstream lines(outcome.output);
  const ArmCall* call = nullptr;
  bool done = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("call "))
      call = &calls[std::stoul(line.substr(5))];
    else if (line == "done")
      done = true;
    else
      ADD_FAILURE() << where << ": " << (call ? with_name(line, *call) + "\n" + call->label : line);
  }
  if (!done || outcome.exit_code != 0)
    ADD_FAILURE() << where << ": the program ended with " << outcome.exit_code << "\n"
                  << (call ? call->label + "\n" + print(call->program) : std::string());
}

// Of the buffers that a call gets: scratch, which comes last, is the program's own.
Contents contents_of(KernelCall& call, const ir::Program& program) {
  Contents contents;
  for (const std::byte* start : call.buffers()) {
    const ir::Buffer& buffer = program.buffers[contents.size()];
    contents.emplace_back(start, start + buffer.size * size_in_bytes(buffer.element));
  }
  return contents;
}

EmulatedCpu cpu(std::string option, targets::FeatureSet features, int vector_bits) {
  Target machine;
  machine.name = option;
  machine.architecture = targets::Architecture::aarch64;
  machine.features = with_implied(features);
  machine.vector_bits = vector_bits;
  return {std::move(option), machine};
}

}  // namespace

std::string why_no_arm_emulation() {
  if (std::string(TERN_ARM_CXX).empty()) return "aarch64-linux-gnu-g++ is not installed";
  if (std::string(TERN_QEMU_ARM).empty()) return "qemu-aarch64 is not installed";
  return {};
}

const std::vector<EmulatedCpu>& emulated_cpus() {
  // What qemu's documentation of its CPUs says. The length of SVE's vectors is given in bytes.
  static const std::vector<EmulatedCpu> cpus = [] {
    const targets::FeatureSet v8_2 = {Feature::fp16, Feature::dotprod};
    const targets::FeatureSet all = v8_2 | targets::FeatureSet{Feature::i8mm, Feature::bf16, Feature::sve2};
    return std::vector<EmulatedCpu>{cpu("cortex-a53", {Feature::neon}, 128),
                                    cpu("cortex-a76", v8_2, 128),
                                    cpu("neoverse-n1", v8_2, 128),
                                    cpu("max,sve-default-vector-length=16", all, 128),
                                    cpu("max,sve-default-vector-length=32", all, 256),
                                    cpu("max,sve-default-vector-length=64", all, 512)};
  }();
  return cpus;
}

std::vector<Target> arm_targets() {
  std::vector<Target> result;
  for (const std::string& name : targets::target_names()) {
    Target target = listed_target(name);
    if (target.architecture == targets::Architecture::aarch64) result.push_back(std::move(target));
  }
  Target wide = listed_target("armv8-a");
  wide.name = "sve-512";
  wide.features = targets::with_implied({Feature::sve});
  wide.vector_bits = 512;
  result.push_back(wide);
  return result;
}

std::vector<Target> distinct_arm_targets() {
  std::vector<Target> result;
  for (Target& target : arm_targets()) {
    const bool known = std::any_of(result.begin(), result.end(), [&](const Target& other) {
      return other.features == target.features && other.vector_bits == target.vector_bits;
    });
    if (!known) result.push_back(std::move(target));
  }
  return result;
}

ArmCall interpreted_call(std::string label, const ir::Program& program, const Contents& before) {
  return {std::move(label), program, before, interpreted(program, before)};
}

ArmCall kernel_call(const ir::Kernel& kernel, std::mt19937& random) {
  SCOPED_TRACE(print(kernel));
  for (const Error& error : ir::verify(kernel)) ADD_FAILURE() << error.text();
  const ir::Program program = codegen::lower(kernel);
  for (const Error& error : ir::verify(program)) ADD_FAILURE() << error.text();
  const ir::MatmulInputs inputs = random_inputs(kernel.problem, random);
  KernelCall call(kernel, program, inputs);
  const Contents before = contents_of(call, program);
  interpret(program, call.buffers(), full_ranges(program));
  EXPECT_TRUE(same_bits(call.result(), expected_result(kernel, inputs)));
  return {print(kernel), program, before, contents_of(call, program)};
}

void expect_arm_agrees(const Target& target, const std::vector<ArmCall>& calls) {
  const Folder folder;
  link(folder, target, calls);
  if (::testing::Test::HasFatalFailure()) return;
  write_calls(folder.file("calls"), calls);
  int executed = 0;
  for (const EmulatedCpu& cpu : emulated_cpus()) {
    if (!targets::can_run(target, cpu.machine)) continue;
    ++executed;
    report(target.name + " on " + cpu.option,
           run(fmt::format("{} -cpu {} '{}' '{}'", TERN_QEMU_ARM, cpu.option, folder.file("run"),
                           folder.file("calls"))),
           calls);
  }
  EXPECT_GT(executed, 0) << "no emulated CPU can run " << target.name;
}

}  // namespace tern::testing
