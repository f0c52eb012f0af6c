// SPDX-License-Identifier: Apache-2.0
// Every public case of a reference implementation, a test each, by the runners of `semiseg parity`.
#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <set>

#include "framework/methods/method.h"
#include "launch/parity/case_options.h"
#include "launch/parity/run_case.h"
#include "tests/support/recorded_cases.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

const std::map<std::string, size_t> kPublicCases = {
    {"backbone", 68}, {"inference", 40}, {"loss", 139},     {"memory", 16},   {"method", 47},
    {"metric", 193},  {"schedule", 32},  {"statistics", 8}, {"transform", 72}};

template <class Entry>
bool is_registered(const std::string& name) {
  const auto names = Registry<Entry>::instance().names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Only networks and methods may be missing; of those that are there, every case counts.
bool is_expected(const ParityCase& parity) {
  if (parity.kind == "backbone") return is_registered<BackboneEntry>(parity.name);
  if (parity.kind != "method") return true;
  bool all = is_registered<MethodEntry>(parity.name);
  for (const auto& [net, architecture] : parity.options.at("nets").items())
    all = all && is_registered<BackboneEntry>(registered_network(architecture));
  return all;
}

std::vector<fs::path> expected_cases(bool is_known) {
  std::vector<fs::path> files;
  if (!fs::exists(recorded_cases())) return files;  // a suite without a case fails
  for (const auto& [kind, count] : kPublicCases) {
    for (const fs::path& file : recorded_cases(kind)) {
      if (is_expected(load_case(file)) == is_known) files.push_back(file);
    }
  }
  return files;
}

std::string title(const testing::TestParamInfo<fs::path>& info) {
  std::string name =
      info.param.parent_path().filename().string() + "_" + info.param.stem().string();
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

class RecordedCase : public testing::TestWithParam<fs::path> {};

TEST_P(RecordedCase, IsReproduced) {
  const ParityResult result = run_case(load_case(GetParam()));
  EXPECT_EQ(result.verdict, Verdict::kPassed) << GetParam() << "\n" << result.detail;
}

INSTANTIATE_TEST_SUITE_P(Public, RecordedCase, testing::ValuesIn(expected_cases(true)), title);

TEST(RecordedCases, AreAllThatThereAre) {
  for (const auto& [kind, count] : kPublicCases)
    EXPECT_EQ(recorded_cases(kind).size(), count) << kind;
}

TEST(RecordedCases, OfWhatIsNotRegisteredAreSkipped) {
  for (const fs::path& file : expected_cases(false)) {
    const ParityResult result = run_case(load_case(file));
    EXPECT_EQ(result.verdict, Verdict::kSkipped) << file;
    EXPECT_NE(result.detail.find("is registered"), std::string::npos) << result.detail;
  }
}

}  // namespace
}  // namespace semiseg
