// What the tuner found, as one HTML page to look at: tables and figures, and nothing from elsewhere.
#pragma once

#include <string>

#include "autotune/search/tune.h"

namespace tern::tools {

// What was tuned where, for the head of the page.
struct TuneReport {
  std::string machine_name;  // for people: "This machine: AMD EPYC"
  autotune::Provenance provenance;
  autotune::Machine machine;
  std::string date;     // "2026-11-21T10:15:00Z"
  std::string version;  // of Tern
  std::string records;  // the database's file
};

// A whole HTML file, which is well-formed XML too. The same arguments give the same bytes. Shapes that the
// database knew before have a row in the table and no figures: of them, only the choice was kept.
std::string report_html(const autotune::TuneResult& result, const TuneReport& about);

}  // namespace tern::tools
