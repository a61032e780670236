// Functions that may crash, in processes of their own.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.h"

namespace tern::autotune {

// Calls function(i), for each i below count, in child processes: each thread of the pool has one at a time,
// which goes from call to call until one of them fails. Returns a text for each call: empty if the
// function returned an empty one, else up to the first 199 bytes of what it returned, or how it ended the
// child: "crashed: Illegal instruction", "did not end within 60 seconds". A call that fails costs no other,
// since the rest goes on in another child.
//
// Other threads of this process may be at work meanwhile: the children need its memory and to allocate more,
// which the C library makes sure of. Nothing that a child writes to memory is seen by another process.
std::vector<std::string> call_guarded(size_t count, ThreadPool& pool, unsigned seconds,
                                      const std::function<std::string(size_t)>& function);

}  // namespace tern::autotune
