// SPDX-License-Identifier: Apache-2.0
// main() of tests that run under mpirun: every rank runs every test; a failure on any rank fails
// all.
#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <thread>

#include "tests/support/ranks.h"

namespace semiseg {
namespace {

// Ranks but the first say only what failed, with their number.
class FailurePrinter : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::fprintf(stderr, "[rank %d] %s:%d: %s\n", ranks().rank(), result.file_name(),
                 result.line_number(), result.message());
  }
};

// Ranks that have ended a test sleep until all have: MPI's own waits would take the cores from a
// rank that still computes the reference.
class MeetAfterEachTest : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo&) override {
    at::Tensor token = at::zeros({1}, at::kDouble);
    const auto all_here = ranks().start_all_reduce(token, "end of a test");
    while (!all_here->advance()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    all_here->wait();
  }
};

std::map<std::string, std::string> variables() {
  std::map<std::string, std::string> result;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    result[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  return result;
}

std::unique_ptr<Communicator>& world() {
  static std::unique_ptr<Communicator> instance = join_world(variables());
  return instance;
}

}  // namespace

Communicator& ranks() { return *world(); }

}  // namespace semiseg

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  if (semiseg::ranks().rank() != 0) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new semiseg::FailurePrinter);
  }
  if (semiseg::ranks().size() > 1) listeners.Append(new semiseg::MeetAfterEachTest);
  at::Tensor failed = at::full({1}, static_cast<double>(RUN_ALL_TESTS()), at::kDouble);
  semiseg::ranks().all_reduce(failed, "failures");
  semiseg::ranks().leave();
  return failed.item<double>() == 0 ? 0 : 1;
}
