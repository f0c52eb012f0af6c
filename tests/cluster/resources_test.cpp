// SPDX-License-Identifier: Apache-2.0
// The job specification: values, the site's file below them, and what is refused.
#include "cluster/resources.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "framework/config/compose.h"
#include "framework/core/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace semiseg::cluster {
namespace {

Config section(const std::string& toml) {
  return parse_config("[cluster]\n" + toml, "slurm.toml").section("cluster");
}

void expect_refused(const std::string& toml, const std::vector<std::string>& words) {
  expect_error(ErrorKind::kConfig, words, [&] { Resources::read(section(toml)); });
}

TEST(Resources, TimesAreReadAsTheRunReadsItsOwn) {
  EXPECT_FALSE(Resources::read(section("")).seconds.has_value());
  EXPECT_EQ(Resources::read(section("time = '24h'")).seconds, 86400);
  EXPECT_EQ(Resources::read(section("time = '1-12:00:00'")).seconds, 129600);
  expect_refused("time = '90'", {"cluster.time", "minutes for Slurm"});
  expect_refused("time = 'soon'", {"cluster.time", "cannot be parsed"});
}

TEST(Resources, ATimeThatOnlyServesToStopIsRefused) {
  expect_refused("time = '2m'", {"cluster.time", "too short", "at least 180 s", "slurm.toml:2"});
  EXPECT_EQ(Resources::read(section("time = '2m'\nsignal_before = 60")).seconds, 120);
}

TEST(Resources, NamesThatCannotBeWrittenAreRefused) {
  expect_refused(R"(name = 'a "b" $(touch x)')", {"cluster.name", "quotation marks"});
  expect_refused("partition = \"a\\nb\"", {"cluster.partition", "one line"});
  expect_refused("options = ['-p gpu']", {"cluster.options", "--name=value"});
  expect_refused("mem = '64 GB'", {"cluster.mem", "64G"});
  expect_refused("gpus_per_task = 1\ngres = 'gpu:4'", {"cluster.gres", "twice"});
  expect_refused("nodes = 0", {"cluster.nodes"});
}

TEST(Resources, ValuesOfTheSiteLieBelowThoseOfTheCommand) {
  const TemporaryFolder folder;
  const auto file = folder / "site.toml";
  write_file(file, "[cluster]\npartition = 'gpu'\naccount = 'lab'\nmodules = ['openmpi']\n");
  const std::map<std::string, std::string> environment = {{"SEMISEG_SITE", file.string()}};
  const Resources r = read_resources(section("partition = 'long'"), environment);
  EXPECT_EQ(r.partition, "long");
  EXPECT_EQ(r.account, "lab");
  EXPECT_EQ(r.modules, std::vector<std::string>{"openmpi"});
}

TEST(Resources, TheSitesFileIsTheUsersOwnUnlessTheVariableNamesAnother) {
  const TemporaryFolder folder;
  const std::string home = folder.path().string();
  EXPECT_FALSE(site_file({{"HOME", home}}).has_value());
  write_file(folder / ".config/semiseg/site.toml", "[cluster]\n");
  EXPECT_EQ(site_file({{"HOME", home}}), folder / ".config/semiseg/site.toml");
  EXPECT_FALSE(site_file({{"HOME", home}, {"XDG_CONFIG_HOME", home + "/other"}}).has_value());
  expect_error(ErrorKind::kConfig, {"SEMISEG_SITE", home + "/nowhere"}, [&] {
    site_file({{"SEMISEG_SITE", home + "/nowhere"}});
  });
}

TEST(Resources, MisspeltKeysAreNamed) {
  const TemporaryFolder folder;
  expect_error(ErrorKind::kConfig, {"cluster.partitions", "cluster.partition"},
               [&] { read_resources(section("partitions = 'x'"), {}); });
  write_file(folder / "site.toml", "[cluster]\nacount = 'lab'\n");
  expect_error(ErrorKind::kConfig, {"cluster.acount", "cluster.account", "site.toml:2"}, [&] {
    read_resources(section(""), {{"SEMISEG_SITE", (folder / "site.toml").string()}});
  });
}

}  // namespace
}  // namespace semiseg::cluster
