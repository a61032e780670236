// Functions that may crash, in processes of their own.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.h"

namespace tern::autotune {

// Calls function(i), for each i below count, in child processes: each thread of the pool has one at a time,
// which goes from call to call until one of them fails. Returns what the functions did: an empty text if all
// is well, up to 199 bytes of what is wrong, or how they ended the child: "crashed: Illegal instruction",
// "did not end within 60 seconds". What fails costs only its own call, for the others go on in another child.
//
// Other threads of this process may be at work meanwhile: all that the children need of it is its memory and
// to allocate more, which the C library makes sure of. Nothing that a child writes is seen by anybody else.
std::vector<std::string> call_guarded(size_t count, ThreadPool& pool, unsigned seconds,
                                      const std::function<std::string(size_t)>& function);

}  // namespace tern::autotune
