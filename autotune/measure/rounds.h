// Timing several pieces of work in turn, so that what disturbs the machine disturbs all of them alike.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace tern::autotune {

// Seconds that each piece of work takes, once each, in an order that the seed decides. Google Benchmark is
// what times and repeats; a program must not run benchmarks of its own at the same time.
std::vector<double> time_in_turn(std::span<const std::function<void()>> work, uint64_t seed);

}  // namespace tern::autotune
