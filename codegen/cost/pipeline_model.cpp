#include "codegen/cost/pipeline_model.h"

#include <fmt/format.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/MCA/Context.h>
#include <llvm/MCA/CustomBehaviour.h>
#include <llvm/MCA/HWEventListener.h>
#include <llvm/MCA/InstrBuilder.h>
#include <llvm/MCA/SourceMgr.h>
#include <llvm/TargetParser/Host.h>

#include <algorithm>

#include "codegen/emit/target_machine.h"

namespace tern::codegen {
namespace {

// Keeps when iterations end, and how long the units of each resource were busy.
class Listener : public llvm::mca::HWEventListener {
 public:
  Listener(size_t body, size_t iterations, size_t resources)
      : body_(body), ends_(iterations), busy_(resources) {}

  void onCycleEnd() override { ++cycle_; }
  void onEvent(const llvm::mca::HWInstructionEvent& event) override {
    if (event.Type == llvm::mca::HWInstructionEvent::Retired) {
      const unsigned index = event.IR.getSourceIndex();
      if (index % body_ == body_ - 1) ends_[index / body_] = cycle_;
    } else if (event.Type == llvm::mca::HWInstructionEvent::Issued) {
      for (const llvm::mca::ResourceUse& use :
           static_cast<const llvm::mca::HWInstructionIssuedEvent&>(event).UsedResources)
        busy_[use.first.first] += use.second;
    }
  }

  // Of an iteration in the second half, when the pipeline is full; of all if there is but one.
  double steady_cycles() const {
    const size_t last = ends_.size() - 1, middle = last / 2;
    if (last == 0) return static_cast<double>(cycle_);
    return static_cast<double>(ends_[last] - ends_[middle]) / static_cast<double>(last - middle);
  }
  double busy(size_t resource) const { return busy_[resource] / static_cast<double>(ends_.size()); }

 private:
  size_t body_;
  int64_t cycle_ = 0;
  std::vector<int64_t> ends_;  // cycle in which the last instruction of an iteration retired
  std::vector<double> busy_;
};

// LLVM gives many processors the model of another one, and does not say so: but resources have the name of
// the one that they were described for.
struct ModelRow {
  std::string_view resource;   // one that no other model has
  std::string_view processor;  // as LLVM calls it
};
constexpr ModelRow models[] = {
    {"SBPort0", "sandybridge"},
    {"HWPort0", "haswell"},
    {"BWPort0", "broadwell"},
    {"SKLPort0", "skylake"},
    {"SKXPort0", "skylake-avx512"},
    {"ICXPort0", "icelake-server"},
    {"ADLPPort00", "alderlake"},
    {"SPRPort00", "sapphirerapids"},
    {"ZnFPU0", "znver1"},
    {"Zn2FPU0", "znver2"},
    {"Zn3FP0", "znver3"},
    {"Zn4FP0", "znver4"},
    {"CyUnitV", "apple-a7"},
    {"A53UnitALU", "cortex-a53"},
    {"CortexA55UnitALU", "cortex-a55"},
    {"CortexA510UnitALU0", "cortex-a510"},
    {"A57UnitX", "cortex-a57"},
    {"Ampere1UnitX", "ampere1"},
    {"N1UnitV0", "neoverse-n1"},
    {"N2UnitV0", "neoverse-n2"},
    {"V1UnitV0", "neoverse-v1"},
    {"V2UnitV0", "neoverse-v2"},
};

// The row of a model; null if it is not in the table.
const ModelRow* find_row(const llvm::MCSchedModel& schedule) {
  for (unsigned i = 0; i < schedule.getNumProcResourceKinds(); ++i) {
    for (const ModelRow& row : models) {
      if (row.resource == schedule.getProcResource(i)->Name) return &row;
    }
  }
  return nullptr;
}

// The processor whose costs a target has, by LLVM's name.
std::string processor_of(const targets::Target& target) {
  if (!target.llvm_cpu.empty()) return target.llvm_cpu;
  if (target.name == "host") return llvm::sys::getHostCPUName().str();
  return target.architecture == targets::Architecture::x86_64 ? "x86-64" : "generic";
}

// What LLVM says of instructions that it knows nothing of, such as those of AMX.
constexpr unsigned placeholder_latency = 100;

}  // namespace

Expected<PipelineModel> PipelineModel::make(const targets::Target& target,
                                            const llvm::TargetMachine& machine) {
  PipelineModel model;
  model.machine_ = &machine;
  const std::string& processor = model.processor_ = processor_of(target);
  if (!machine.getMCSubtargetInfo()->isCPUStringValid(processor))
    return Error{fmt::format("LLVM does not know the processor {}", processor), {}};
  model.subtarget_.reset(machine.getTarget().createMCSubtargetInfo(
      triple_of(target), processor, targets::llvm_attributes(target.features)));
  if (!model.schedule().hasInstrSchedModel())
    return Error{fmt::format("LLVM has no model of how long instructions take on processor {}", processor),
                 {}};
  const ModelRow* row = find_row(model.schedule());
  model.name_ = row ? row->processor : processor;
  model.costs_ = std::make_unique<CorrectedSchedule>(*model.subtarget_, *machine.getMCInstrInfo(),
                                                     model.name_, processor);
  model.analysis_.reset(machine.getTarget().createMCInstrAnalysis(machine.getMCInstrInfo()));
  return model;
}

PipelineModel::Instructions PipelineModel::read(llvm::ArrayRef<llvm::MCInst> body,
                                                llvm::mca::InstrBuilder& builder, Simulation& result) const {
  Instructions instructions;
  for (const llvm::MCInst& instruction : body) {
    const llvm::MCInstrDesc& description = machine_->getMCInstrInfo()->get(instruction.getOpcode());
    if (description.isReturn()) continue;  // llvm-mca warns of calls and returns on standard error
    ++result.instructions;
    if (description.isCall()) {
      ++result.not_modelled;
      continue;
    }
    llvm::Expected<std::unique_ptr<llvm::mca::Instruction>> made = builder.createInstruction(instruction, {});
    if (!made) {
      llvm::consumeError(made.takeError());
      ++result.not_modelled;
      continue;
    }
    costs_->correct(instruction, **made);
    result.not_modelled += (*made)->getDesc().MaxLatency >= placeholder_latency;
    result.micro_operations += (*made)->getNumMicroOps();
    instructions.push_back(std::move(*made));
  }
  return instructions;
}

unsigned PipelineModel::dispatch_width() const {
  return costs_->dispatch_width() > 0 ? costs_->dispatch_width() : schedule().IssueWidth;
}

Simulation PipelineModel::simulate(llvm::ArrayRef<llvm::MCInst> body, int iterations) const {
  Simulation result;
  const unsigned resources = schedule().getNumProcResourceKinds();
  result.resource_cycles.resize(resources);
  // Keeps what its instructions have in common, so it outlives them.
  llvm::mca::InstrBuilder builder(*subtarget_, *machine_->getMCInstrInfo(), *machine_->getMCRegisterInfo(),
                                  analysis_.get(), *costs_, /*CallLatency=*/0);
  const Instructions instructions = read(body, builder, result);
  if (instructions.empty()) return result;

  llvm::mca::CircularSourceMgr source(instructions, static_cast<unsigned>(iterations));
  llvm::mca::CustomBehaviour behaviour(*subtarget_, source, *machine_->getMCInstrInfo());
  llvm::mca::Context context(*machine_->getMCRegisterInfo(), *subtarget_);
  // Widths and queues are the model's; loads and stores are independent.
  const llvm::mca::PipelineOptions options(0, 0, costs_->dispatch_width(), 0, 0, 0, /*NoAlias=*/true);
  const std::unique_ptr<llvm::mca::Pipeline> pipeline =
      schedule().isOutOfOrder() ? context.createDefaultPipeline(options, source, behaviour)
                                : context.createInOrderPipeline(options, source, behaviour);
  Listener listener(instructions.size(), static_cast<size_t>(iterations), resources);
  pipeline->addEventListener(&listener);
  llvm::Expected<unsigned> cycles = pipeline->run();
  if (!cycles) {
    llvm::consumeError(cycles.takeError());
    result.not_modelled = result.instructions;
    return result;
  }
  result.cycles = std::max(listener.steady_cycles(), result.micro_operations / dispatch_width());
  for (unsigned resource = 0; resource < resources; ++resource) {
    const unsigned units = schedule().getProcResource(resource)->NumUnits;
    if (units == 0) continue;
    result.resource_cycles[resource] = listener.busy(resource) / units;
    // A few iterations may end sooner than work for the next ones lets them in the long run.
    result.cycles = std::max(result.cycles, result.resource_cycles[resource]);
  }
  return result;
}

}  // namespace tern::codegen
