#include "tools/options/record_options.h"

namespace tern::tools {

void add_record_options(CLI::App& command, runtime::RecordOptions& options) {
  CLI::Option* database = command.add_option(
      "--database", options.database,
      "File of tuned kernels (default: this machine's in $TERN_DATABASE or ~/.local/share/tern/kernels)");
  command.add_flag("--untuned", options.untuned, "Use no tuned kernels, but the defaults")
      ->excludes(database);
}

}  // namespace tern::tools
