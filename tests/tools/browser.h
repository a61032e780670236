// Opening a page in headless Chromium, and what came of it.
#pragma once

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "command.h"

namespace tern::tools {

struct Page {
  std::string dom;                    // as the browser has it in the end, scripts run
  std::vector<std::string> console;   // what scripts and the browser said about the page
  std::vector<std::string> requests;  // URLs that the page asked for, its own apart
  std::string picture;                // of its upper part: a PNG file
};

class BrowserTest : public CommandTest {
 protected:
  // Chromium must be there: a page that nobody opened is not known to work.
  void SetUp() override {
    ASSERT_EQ(run_program("chromium", "--version").exit_code, 0)
        << "Chromium is missing, which opens the pages that Tern writes: ./tern.sh installs it, or "
           "`apt-get install --no-install-recommends chromium`";
  }

  Page open(const std::string& file) const {
    // No name can be resolved, so nothing can be loaded; what was asked for is in the log all the same. The
    // sandbox needs rights that containers do not give, and the pages are ours.
    const Outcome outcome = run_program(
        "chromium",
        fmt::format("--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
                    "--disable-component-update --disable-sync --hide-scrollbars --window-size=1000,1600 "
                    "--host-resolver-rules='MAP * ~NOTFOUND' --user-data-dir='{}' --log-net-log='{}' "
                    "--enable-logging=stderr --screenshot='{}' --dump-dom 'file://{}'",
                    path("profile"), path("net.json"), path("page.png"), file));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    Page page{outcome.output, {}, requests(read("net.json")), read("page.png")};
    std::istringstream lines(outcome.errors);
    for (std::string line; std::getline(lines, line);) {
      if (line.find(":CONSOLE") != std::string::npos) page.console.push_back(line);
    }
    return page;
  }

 private:
  // The browser has business of its own, which has no origin; all else is the page's.
  static std::vector<std::string> requests(const std::string& log) {
    std::vector<std::string> urls;
    const nlohmann::json parsed = nlohmann::json::parse(log, nullptr, false);
    if (parsed.is_discarded()) {
      ADD_FAILURE() << "the browser's log of requests is damaged";
      return urls;
    }
    const int started = parsed["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"];
    for (const nlohmann::json& event : parsed["events"]) {
      if (event["type"] == started && event.contains("params") && event["params"].contains("url") &&
          event["params"].value("initiator", "") != "not an origin")
        urls.push_back(event["params"]["url"]);
    }
    return urls;
  }
};

}  // namespace tern::tools
