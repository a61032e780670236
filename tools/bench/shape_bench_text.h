// Measured products as tables for people and for programs.
#pragma once

#include <span>
#include <string>

#include "tools/bench/shape_bench.h"

namespace tern::tools {

// A table with a line for each measurement, grouped by shape and threads.
std::string shape_bench_markdown(std::span<const ShapeMeasurement> all, const std::string& target);
// An array with an object for each measurement, and lines with a heading: times in seconds, rates a second.
std::string shape_bench_json(std::span<const ShapeMeasurement> all, const std::string& target);
std::string shape_bench_csv(std::span<const ShapeMeasurement> all);

}  // namespace tern::tools
