// SPDX-License-Identifier: Apache-2.0
// Ranks that own a GPU each, by NCCL. Only in builds with CUDA (SEMISEG_HAS_CUDA).
#pragma once

#include <memory>

#include "framework/comm/communicator.h"

namespace semiseg {

// Collective over the ranks of `host`, each with a `device` (index of a CUDA device) that no other
// rank uses. Tensors on that device go through NCCL: float64, float32, bfloat16, float16, int64,
// int32, uint8, bool. The host never waits for the device: a result is ready for what the current
// stream is given afterwards. CPU tensors, barrier and abort go through `host`, as does NCCL's
// identifier at the start. kRank when a device or NCCL fails, here and in every collective. A rank
// that waits for the device is not in a collective for its watchdog, which sees only those of
// `host`.
std::unique_ptr<Communicator> make_nccl_communicator(std::unique_ptr<Communicator> host,
                                                     int device);

}  // namespace semiseg
