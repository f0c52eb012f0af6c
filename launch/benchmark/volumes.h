// SPDX-License-Identifier: Apache-2.0
// The label maps that metrics are timed on, voxel by voxel those of the Python baselines
// (baselines/README.md, "The volumes"): ellipsoids with ragged borders, by integer arithmetic only.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace semiseg {

struct BenchmarkVolumes {
  at::Tensor prediction, reference;  // [D,H,W] uint8
  int64_t classes = 0;               // with background
};

// "la": 180×180×88, one organ; "acdc": 10×256×216, three classes; "synapse": 80×160×160, thirteen.
BenchmarkVolumes make_benchmark_volumes(const std::string& name);

}  // namespace semiseg
