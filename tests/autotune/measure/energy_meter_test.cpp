// Energy counters, as a made-up folder has them.
#include "autotune/measure/energy_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace tern::autotune {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class EnergyMeterTest : public ::testing::Test {
 protected:
  EnergyMeterTest()
      : folder_(fs::path(::testing::TempDir()) / ("tern_powercap_" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~EnergyMeterTest() override { fs::remove_all(folder_); }

  void write(const std::string& domain, const std::string& file, const std::string& text) {
    fs::create_directories(folder_ / domain);
    std::ofstream(folder_ / domain / file) << text << "\n";
  }
  void domain(const std::string& folder, const std::string& name, uint64_t microjoules,
              uint64_t range = 262143328850) {
    write(folder, "name", name);
    write(folder, "max_energy_range_uj", std::to_string(range));
    write(folder, "energy_uj", std::to_string(microjoules));
  }
  EnergyMeter opened() {
    Expected<EnergyMeter> meter = EnergyMeter::open(folder_);
    EXPECT_TRUE(meter) << meter.error().text();
    return meter.take();
  }
  std::string refusal() {
    const Expected<EnergyMeter> meter = EnergyMeter::open(folder_);
    return meter ? "" : meter.error().text();
  }

  fs::path folder_;
};

TEST_F(EnergyMeterTest, AddsUpPackagesAndNothingTwice) {
  const std::vector<std::string> others = {"intel-rapl:0:0", "intel-rapl:2", "intel-rapl-mmio:0",
                                           "intel-rapl"};
  domain("intel-rapl:0", "package-0", 1000000);
  domain("intel-rapl:1", "package-1-die-1", 5000000);
  domain(others[0], "core", 0);
  domain(others[1], "psys", 0);
  domain(others[2], "package-0", 0);
  domain(others[3], "package-7", 0);
  EnergyMeter meter = opened();
  EXPECT_EQ(*meter.joules(), 0);
  for (const std::string& other : others) write(other, "energy_uj", "777000000");
  EXPECT_EQ(*meter.joules(), 0);
  write("intel-rapl:0", "energy_uj", "1250000");
  write("intel-rapl:1", "energy_uj", "7000000");
  EXPECT_DOUBLE_EQ(*meter.joules(), 2.25);
  write("intel-rapl:1", "energy_uj", "8000000");
  EXPECT_DOUBLE_EQ(*meter.joules(), 3.25);
}

TEST_F(EnergyMeterTest, GoesOnWhereACounterBeginsAnew) {
  domain("intel-rapl:0", "package-0", 9500000, 10000000);
  EnergyMeter meter = opened();
  write("intel-rapl:0", "energy_uj", "1500000");
  EXPECT_DOUBLE_EQ(*meter.joules(), 2);
  write("intel-rapl:0", "energy_uj", "1600000");
  EXPECT_DOUBLE_EQ(*meter.joules(), 2.1);
}

TEST_F(EnergyMeterTest, ACounterBeyondItsRangeIsNotBelieved) {
  domain("intel-rapl:0", "package-0", 9500000, 1000);
  EnergyMeter meter = opened();
  write("intel-rapl:0", "energy_uj", "10");
  const Expected<double> joules = meter.joules();
  ASSERT_FALSE(joules);
  EXPECT_THAT(joules.error().text(), HasSubstr("energy_uj: went back from 9500000 to 10"));
}

TEST_F(EnergyMeterTest, SaysWhyThereIsNothingToRead) {
  EXPECT_THAT(refusal(), HasSubstr("no intel-rapl:N in it is a package"));
  domain("intel-rapl:0", "psys", 1);
  EXPECT_THAT(refusal(), HasSubstr("no intel-rapl:N in it is a package"));
  fs::remove_all(folder_);
  EXPECT_THAT(refusal(), AllOf(HasSubstr(folder_.string()), HasSubstr("there is no such folder")));
}

TEST_F(EnergyMeterTest, SaysWhichFileOnlyRootMayRead) {
  domain("intel-rapl:0", "package-0", 1);
  fs::permissions(folder_ / "intel-rapl:0/energy_uj", fs::perms::none);
  // Root may read everything, so for a moment it is somebody else.
  const bool is_root = geteuid() == 0;
  constexpr uid_t nobody = 65534;
  if (is_root && seteuid(nobody) != 0) GTEST_SKIP() << "root, and cannot be anybody else";
  const std::string why = refusal();
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_THAT(why,
              AllOf(HasSubstr("intel-rapl:0/energy_uj: may not be read"), HasSubstr("root `chmod a+r`")));
}

TEST_F(EnergyMeterTest, RefusesRubbish) {
  for (const char* rubbish : {"", "12x", "-5", "1.5", "99999999999999999999999"}) {
    domain("intel-rapl:0", "package-0", 1);
    write("intel-rapl:0", "energy_uj", rubbish);
    EXPECT_THAT(refusal(), HasSubstr("energy_uj: '" + std::string(rubbish) + "' is no number")) << rubbish;
    domain("intel-rapl:0", "package-0", 1);
    write("intel-rapl:0", "max_energy_range_uj", rubbish);
    EXPECT_THAT(refusal(), HasSubstr("max_energy_range_uj: '")) << rubbish;
  }
  domain("intel-rapl:0", "package-0", 1);
  EnergyMeter meter = opened();
  fs::remove(folder_ / "intel-rapl:0/energy_uj");
  EXPECT_THAT(meter.joules().error().text(), HasSubstr("energy_uj: cannot be read"));
}

TEST_F(EnergyMeterTest, NoticesACounterThatStandsStill) {
  domain("intel-rapl:0", "package-0", 1);
  EnergyMeter meter = opened();
  const Status still = meter.wait_for_step(std::chrono::milliseconds(5));
  ASSERT_FALSE(still);
  EXPECT_THAT(still.error().text(), HasSubstr("intel-rapl:0/energy_uj: its counter stands still"));
  write("intel-rapl:0", "energy_uj", "2");
  EXPECT_TRUE(meter.wait_for_step(std::chrono::milliseconds(5)));
}

}  // namespace
}  // namespace tern::autotune
