// SPDX-License-Identifier: Apache-2.0
// Experiment files to compose from, and what their errors say.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace semiseg {

// A small experiments folder that vanishes with the test.
class Experiments : public testing::Test {
 protected:
  Experiments() {
    write("base", R"(# The settings that everything starts from.
defaults = [{dataset = "acdc"}, {method = "bcp"}, "_self_"]
labelled = 7
seed = 0
[run]
name = "${method.name}-${dataset.name}-${labelled}"
tags = ["a", "b"]
[optimiser]
lr = 0.01
nesterov = true
)");
    write("dataset/acdc", "# Cardiac MRI.\nname = \"acdc\"\nclasses = 4\nroot = \"data\"\n");
    write("dataset/la", "# Left atrium.\nname = \"la\"\nclasses = 2\n");
    write("method/base_method", "ema_decay = 0.99\nrampup = 40\n");
    write("method/bcp",
          "# Bidirectional copy-paste.\ndefaults = [\"base_method\", \"_self_\"]\nname = "
          "\"bcp\"\nrampup = 100\n");
    write("method/ua_mt", "defaults = [\"base_method\"]\nname = \"ua_mt\"\n");
    write("ablation/no_ema",
          "# @package _global_\n# Without the teacher's average.\n[method]\nema_decay = 0.0\n");
  }
  ~Experiments() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    write_file(folder_ / (name + ".toml"), text);
  }

  ComposeRequest request(std::vector<std::string> overrides = {}, std::string name = "base") const {
    return {.search = {folder_},
            .name = std::move(name),
            .overrides = std::move(overrides),
            .now = 1700000000,
            .environment = {{"SITE", "basel"}, {"WORKERS", "4"}}};
  }

  // The composed text below a key: "3\n"-like for a value, whole sections otherwise.
  std::string text(std::vector<std::string> overrides, std::string name = "base") const {
    return compose(request(std::move(overrides), std::move(name))).to_toml();
  }

  std::string message(std::vector<std::string> overrides, std::string name = "base") const {
    try {
      compose(request(std::move(overrides), std::move(name)));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kConfig);
      return error.what();
    }
    return "no error";
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      ("semiseg_config_" + std::to_string(getpid()) + "_" +
       testing::UnitTest::GetInstance()->current_test_info()->name());
};

inline void expect_contains(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts) {
    EXPECT_NE(text.find(part), std::string::npos) << "missing: " << part << "\nin: " << text;
  }
}

// Message of a configuration error; "no error" when there is none.
template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kConfig);
    return error.what();
  }
  return "no error";
}

}  // namespace semiseg
