// SPDX-License-Identifier: Apache-2.0
// The volumes of the metric benchmarks are those of the Python baselines: checksums of their page.
#include "launch/benchmark/volumes.h"

#include <gtest/gtest.h>

namespace semiseg {
namespace {

uint64_t fnv1a64(const at::Tensor& map) {
  const uint8_t* voxels = map.const_data_ptr<uint8_t>();
  uint64_t hash = 0xcbf29ce484222325;
  for (int64_t i = 0; i < map.numel(); ++i) hash = (hash ^ voxels[i]) * 0x100000001b3;
  return hash;
}

TEST(BenchmarkVolumes, AreThoseOfTheBaselines) {
  const BenchmarkVolumes la = make_benchmark_volumes("la"), acdc = make_benchmark_volumes("acdc"),
                         synapse = make_benchmark_volumes("synapse");
  EXPECT_EQ(fnv1a64(la.reference), 0xeeeedcf3a23fbbe3);
  EXPECT_EQ(fnv1a64(la.prediction), 0x7967a08ae2e3f59c);
  EXPECT_EQ(fnv1a64(acdc.reference), 0xc6cc89c29a958605);
  EXPECT_EQ(fnv1a64(acdc.prediction), 0xcf3a6599657fe6fe);
  EXPECT_EQ(fnv1a64(synapse.reference), 0x066538054847ff0b);
  EXPECT_EQ(fnv1a64(synapse.prediction), 0x986f056a1e65c6a3);
  EXPECT_EQ(synapse.classes, 14);
}

}  // namespace
}  // namespace semiseg
