// Right before fast: whether a compiled kernel leaves exactly the bits that the reference defines.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "autotune/code.h"
#include "ir/problem.h"

namespace tern::autotune {

// Checks kernels of one problem by random weights and activations. Of very many outputs the first and the
// last are computed and compared.
class ExactCheck {
 public:
  explicit ExactCheck(const ir::Problem& problem);
  ~ExactCheck();

  // Runs each in a child process, so that one that crashes or never ends takes nothing with it. An empty text
  // for one that is right, else what is wrong: "C[0,17] is 1.5 and should be 2", "crashed: Illegal
  // instruction". Other threads may be at work meanwhile: all that the child needs of
  // this process is its memory and to allocate more, which the C library makes sure of.
  std::vector<std::string> check_guarded(std::span<const Code> codes);

  // The same of one, in this process.
  std::string check(const Code& code);

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace tern::autotune
