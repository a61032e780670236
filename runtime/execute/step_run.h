// The tokens and threads of one run of an executable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/math/vector_ops.h"
#include "runtime/sequence/sequence.h"

namespace tern::runtime {

class KernelTrials;
class StepProfile;

// Tokens that a step appends to a sequence.
struct SequenceTokens {
  Sequence* sequence = nullptr;
  std::span<const uint32_t> tokens;  // not empty; ids below the vocabulary's size
  bool all_logits = false;           // gives the logits after every token; else after the last alone
};

// One token of a step.
struct StepRow {
  uint32_t token;
  size_t sequence;  // index in the batch
  size_t position;  // in the sequence
};

struct StepRun {
  const VectorOps& ops;
  std::span<const SequenceTokens> batch;
  std::span<const StepRow> rows;       // one for each token, sequence by sequence
  std::span<const size_t> first_rows;  // by sequence: the index in `rows` of its first token
  std::span<const size_t> selected;    // rows whose logits are asked for, ascending
  int64_t count = 0;                   // rows that the executable works on: all, or `selected`
  size_t threads = 1;
  // Partial results of attention: [row][head][block], with room for max_blocks blocks, each of
  // attention_partial_size() floats.
  float* partials = nullptr;
  size_t max_blocks = 0;
  // By thread: attention_scratch_size() floats, or delta_scratch_size() if these are more.
  std::span<std::vector<float>> scratch;
  KernelTrials* trials = nullptr;  // null: none
  StepProfile* profile = nullptr;  // if the steps are to be timed
};

}  // namespace tern::runtime
