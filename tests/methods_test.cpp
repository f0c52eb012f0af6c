// SPDX-License-Identifier: Apache-2.0
// Methods against the references' own scripts: losses, rates, gradients and weights of a few
// recorded iterations.
#include <gtest/gtest.h>

#include "tests/method_case.h"

namespace semiseg {
namespace {

struct Recorded {
  const char* file;
  const char* options;
  int64_t stage;
};

class RecordedMethod : public testing::TestWithParam<Recorded> {};

TEST_P(RecordedMethod, StepsAsTheReference) {
  expect_method_case(load_case(std::string("method/") + GetParam().file + ".safetensors"),
                     GetParam().options, GetParam().stage);
}

INSTANTIATE_TEST_SUITE_P(
    Methods, RecordedMethod,
    testing::Values(Recorded{"supervised_2d", "", 0}, Recorded{"mean_teacher_2d", "", 0},
                    Recorded{"mean_teacher_2d_start", "", 0}, Recorded{"bcp_acdc_pretrain", "", 0},
                    Recorded{"bcp_acdc_selftrain", "", 1}, Recorded{"cps_2d", "", 0},
                    Recorded{"dan_2d", "discriminator_2d = {dropout = 0, pool = 1}", 0},
                    Recorded{"transmedseg_acdc",
                             "base = \"bcp\"\nbeta = 0.5\nlambda0 = 2.5\nn_min = 15", 1}),
    [](const auto& info) { return std::string(info.param.file); });

}  // namespace
}  // namespace semiseg
