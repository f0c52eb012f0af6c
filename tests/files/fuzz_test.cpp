// SPDX-License-Identifier: Apache-2.0
// Every file of fuzz/corpus through the reader that its folder names: it is read or refused by an
// Error, and soon. What tests/fuzz/run finds lies there afterwards.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "tests/fuzz/target.h"
#include "tests/support/places.h"

namespace semiseg::fuzz {
namespace {
namespace fs = std::filesystem;

class Corpus : public testing::TestWithParam<Target> {};

std::string bytes_of(const fs::path& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

TEST_P(Corpus, IsReadOrRefused) {
  int whole = 0;
  for (const auto& entry :
       fs::directory_iterator(source_folder() / "tests/fuzz/corpus" / GetParam().name)) {
    SCOPED_TRACE(entry.path().filename());
    const auto start = std::chrono::steady_clock::now();
    EXPECT_NO_THROW(whole += GetParam().read(bytes_of(entry.path())));
    // Two seconds while fuzzing; other tests run beside this one.
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  }
  EXPECT_GT(whole, 0) << "no file of the corpus reaches the end of its reader";
}

INSTANTIATE_TEST_SUITE_P(Readers, Corpus, testing::ValuesIn(targets()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace semiseg::fuzz
