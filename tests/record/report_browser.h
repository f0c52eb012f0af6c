// SPDX-License-Identifier: Apache-2.0
// Headless Chromium with one page, driven through its DevTools protocol over a pair of pipes: real
// keys, and everything that the console says.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace semiseg {

class ReportBrowser {
 public:
  // `profile` is an empty folder for its files.
  explicit ReportBrowser(const std::filesystem::path& profile);
  ~ReportBrowser();
  ReportBrowser(const ReportBrowser&) = delete;
  ReportBrowser& operator=(const ReportBrowser&) = delete;

  // Loads a file in a viewport; `scheme` is "light" or "dark". Forgets what was heard before.
  void open(const std::filesystem::path& file, int width, const std::string& scheme = "light");
  // Value of a JavaScript expression; throws with its message when it fails.
  nlohmann::json evaluate(const std::string& expression);
  // Presses and releases a key as a keyboard does: "Tab", "Enter", "ArrowRight", "End".
  void press(const std::string& key);

  // Since open(): warnings and errors of the console, and addresses that were asked for beside the
  // page itself.
  const std::vector<std::string>& complaints() const { return complaints_; }
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  nlohmann::json call(const std::string& method, const nlohmann::json& parameters = {});
  nlohmann::json receive();
  void hear(const nlohmann::json& event);

  pid_t pid_ = -1;
  std::FILE *to_ = nullptr, *from_ = nullptr;
  std::string session_, page_;
  std::string loaded_;  // the navigation whose page is complete
  int last_id_ = 0;
  std::vector<std::string> complaints_, requests_;
};

}  // namespace semiseg
