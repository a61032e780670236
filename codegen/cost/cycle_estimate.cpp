#include "codegen/cost/cycle_estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "codegen/cost/corrected_schedule.h"
#include "codegen/cost/machine_blocks.h"
#include "codegen/cost/pipeline_model.h"
#include "codegen/emit/emit.h"
#include "codegen/emit/loop_label.h"
#include "codegen/emit/optimize.h"
#include "codegen/emit/target_machine.h"

namespace tern::codegen {
namespace {

using Limit = CycleEstimate::Limit;

// The instructions of a loop that are in no loop inside it; or of the function that are in no loop.
struct Section {
  std::vector<llvm::MCInst> instructions;
  int64_t executions = 1;
  int stack_accesses = 0;
};

std::vector<Section> sections_of(const MachineCode& code, bool& loops_known) {
  std::vector<Section> sections(code.loops.size() + 1);  // the first is the function's
  for (size_t loop = 0; loop < code.loops.size(); ++loop) {
    const std::optional<int64_t> trips = trips_of_label(code.loops[loop].label);
    loops_known &= trips.has_value();
    const int64_t around = sections[static_cast<size_t>(code.loops[loop].parent + 1)].executions;
    sections[loop + 1].executions = around * trips.value_or(1);
  }
  for (const MachineBlock& block : code.blocks) {
    Section& section = sections[static_cast<size_t>(block.loop + 1)];
    section.stack_accesses += block.stack_accesses;
    section.instructions.insert(section.instructions.end(), block.instructions.begin(),
                                block.instructions.end());
  }
  return sections;
}

// How many instructions it executes.
double weight(const Section& section) {
  return static_cast<double>(section.executions) * static_cast<double>(section.instructions.size());
}

double heaviest(const std::vector<Section>& sections) {
  double result = 0;
  for (const Section& section : sections) result = std::max(result, weight(section));
  return result;
}

// Enough for a steady state where it matters, few enough for milliseconds.
int iterations_for(const Section& section, double max_weight) {
  if (section.executions == 1) return 1;
  if (weight(section) < 0.02 * max_weight) return 2;
  constexpr int instructions = 1500, fewest = 4, most = 40;
  return std::clamp(instructions / std::max(1, static_cast<int>(section.instructions.size())), fewest, most);
}

// Whether every loop of the program is a loop of the code: LLVM might have merged some.
bool all_found(const ir::Program& program, const ir::Body& body, const std::set<std::string>& labels) {
  return std::all_of(body.begin(), body.end(), [&](const ir::Statement& statement) {
    const ir::Loop* loop = std::get_if<ir::Loop>(&statement);
    if (!loop) return true;
    const bool found =
        loop->trips == 1 || labels.contains(loop_label(program.variables[loop->variable], loop->trips));
    return found && all_found(program, loop->body, labels);
  });
}

std::set<std::string> labels_of(const MachineCode& code) {
  std::set<std::string> labels;
  for (const MachineLoop& loop : code.loops) labels.insert(loop.label);
  return labels;
}

std::vector<ResourceUse> resources_of(const Simulation& simulation, const llvm::MCSchedModel& schedule) {
  std::vector<ResourceUse> resources;
  for (unsigned i = 0; i < simulation.resource_cycles.size(); ++i) {
    const llvm::MCProcResourceDesc& resource = *schedule.getProcResource(i);
    if (simulation.resource_cycles[i] > 0)
      resources.push_back(
          {resource.Name, static_cast<int>(resource.NumUnits), simulation.resource_cycles[i]});
  }
  std::stable_sort(resources.begin(), resources.end(),
                   [](const ResourceUse& a, const ResourceUse& b) { return a.cycles > b.cycles; });
  return resources;
}

// A loop that takes this much longer than its busiest resource waits for something else.
constexpr double tolerance = 1.1;

void explain(const Simulation& simulation, unsigned dispatch_width, CycleEstimate& estimate) {
  const double dispatch = simulation.micro_operations / dispatch_width;
  const ResourceUse busiest = estimate.resources.empty() ? ResourceUse{} : estimate.resources.front();
  if (simulation.cycles > tolerance * std::max(dispatch, busiest.cycles)) {
    estimate.limit = Limit::latency;
    estimate.limit_detail =
        fmt::format("instructions wait for one another; ports are busy for {:.1f} of {:.1f} cycles at most",
                    busiest.cycles, simulation.cycles);
  } else if (busiest.cycles >= dispatch) {
    estimate.limit = Limit::resource;
    estimate.limit_detail = fmt::format("{} is busy for {:.1f} of {:.1f} cycles", busiest.name,
                                        busiest.cycles, simulation.cycles);
  } else {
    estimate.limit = Limit::dispatch;
    estimate.limit_detail =
        fmt::format("{:.0f} micro-operations at {} a cycle take {:.1f} of {:.1f} cycles",
                    simulation.micro_operations, dispatch_width, dispatch, simulation.cycles);
  }
}

void describe(const Section& section, const Simulation& simulation, const PipelineModel& pipeline,
              CycleEstimate& estimate) {
  estimate.inner_cycles = simulation.cycles;
  estimate.inner_instructions = simulation.instructions;
  estimate.inner_iterations = section.executions;
  estimate.inner_stack_accesses = section.stack_accesses;
  estimate.resources = resources_of(simulation, pipeline.schedule());
  explain(simulation, pipeline.dispatch_width(), estimate);
}

}  // namespace

std::string_view name(Limit limit) {
  switch (limit) {
    case Limit::resource: return "resource";
    case Limit::latency: return "latency";
    case Limit::dispatch: return "dispatch";
  }
  return {};
}

struct CycleModel::State {
  targets::Target target;
  std::unique_ptr<llvm::TargetMachine> machine;
  PipelineModel pipeline;
};

CycleModel::CycleModel(std::unique_ptr<State> state) : state_(std::move(state)) {}
CycleModel::CycleModel(CycleModel&&) noexcept = default;
CycleModel& CycleModel::operator=(CycleModel&&) noexcept = default;
CycleModel::~CycleModel() = default;

Expected<CycleModel> CycleModel::make(const targets::Target& target) {
  Expected<std::unique_ptr<llvm::TargetMachine>> machine = make_target_machine(target);
  if (!machine) return machine.error();
  Expected<PipelineModel> pipeline = PipelineModel::make(target, **machine);
  if (!pipeline) return pipeline.error();
  return CycleModel(std::make_unique<State>(State{target, machine.take(), pipeline.take()}));
}

Expected<CycleEstimate> CycleModel::estimate(const ir::Program& program) {
  llvm::LLVMContext context;
  const std::unique_ptr<llvm::Module> module = emit(program, state_->target, *state_->machine, context);
  optimize(*module, *state_->machine);
  const Expected<MachineCode> code = machine_code(*module, *state_->machine);
  if (!code) return code.error();

  CycleEstimate estimate;
  estimate.model = state_->pipeline.name();
  estimate.model_is_exact = estimate.model == state_->pipeline.processor();
  estimate.model_note = known_difference(estimate.model, state_->pipeline.processor());
  estimate.loops_known = all_found(program, program.body, labels_of(*code));
  const std::vector<Section> sections = sections_of(*code, estimate.loops_known);
  const double max_weight = heaviest(sections);
  double most = -1;
  for (const Section& section : sections) {
    const Simulation simulation =
        state_->pipeline.simulate(section.instructions, iterations_for(section, max_weight));
    const double cycles = simulation.cycles * static_cast<double>(section.executions);
    estimate.cycles += cycles;
    estimate.not_modelled += simulation.not_modelled;
    if (cycles > most) describe(section, simulation, state_->pipeline, estimate);
    most = std::max(most, cycles);
  }
  return estimate;
}

Expected<CycleEstimate> estimate_cycles(const ir::Program& program, const targets::Target& target) {
  Expected<CycleModel> model = CycleModel::make(target);
  if (!model) return model.error();
  return model->estimate(program);
}

std::string print(const CycleEstimate& estimate, double weights) {
  const double inner = estimate.inner_cycles * static_cast<double>(estimate.inner_iterations);
  std::string text;
  const auto line = [&](std::string_view what, const std::string& value) {
    text += fmt::format("{:<12}{}\n", what, value);
  };
  line("one call", fmt::format("{:.0f} cycles, {:.2f} per 1000 weights, with all data in the first cache",
                               estimate.cycles, 1000 * estimate.cycles / weights));
  line("main loop", fmt::format("{} instructions in {:.1f} cycles, {} times: {:.0f} % of the call",
                                estimate.inner_instructions, estimate.inner_cycles, estimate.inner_iterations,
                                100 * inner / std::max(1.0, estimate.cycles)));
  line("spills", fmt::format("{} of those instructions", estimate.inner_stack_accesses));
  line("limit", fmt::format("{}: {}", name(estimate.limit), estimate.limit_detail));
  line("model", estimate.model + (estimate.model_is_exact ? "" : ", the nearest that LLVM has"));
  if (!estimate.model_note.empty()) line("", estimate.model_note);
  if (estimate.not_modelled > 0)
    line("", fmt::format("it knows nothing of {} of the instructions", estimate.not_modelled));
  if (!estimate.loops_known) line("", "how often each loop runs is not certain");
  text += "\nbusy in the main loop, of all its cycles:\n";
  for (const ResourceUse& use : estimate.resources) {
    const double share = use.cycles / std::max(1.0, estimate.inner_cycles);
    if (share < 0.01) continue;
    text += fmt::format("{:5.0f} %  {}{}\n", 100 * share, use.name,
                        use.units == 1 ? "" : fmt::format(", each of {}", use.units));
  }
  return text;
}

}  // namespace tern::codegen
