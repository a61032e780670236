// Kernels that were compiled ahead of time and linked into the program: a source of kernels without LLVM.
#pragma once

#include <string_view>

#include "base/expected.h"
#include "codegen/bundle/bundle_abi.h"
#include "kernels/row_buckets.h"
#include "runtime/execute/kernel_source.h"
#include "targets/target.h"

namespace tern::runtime {

struct BundleKernels {
  KernelSource source;
  kernels::RowBuckets buckets;  // the numbers of rows (m) that the kernels are made for
};

// The kernels of one target of the bundle: the one named `target_name` or, if that is empty, the first that
// `host` can run. For a problem, source.choose gives the kernel of the least m that is at least problem.m, or
// an error if the bundle has none. Fails if there is no such target, if `host` cannot run it, if its features
// or kernels are not known here, and if another version of Tern made the bundle.
Expected<BundleKernels> bundle_kernels(const tern_bundle& bundle, const targets::Target& host,
                                       std::string_view target_name = {});

}  // namespace tern::runtime
