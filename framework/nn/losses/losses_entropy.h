// SPDX-License-Identifier: Apache-2.0
// The entropy of a prediction. HiLab-git/SSL4MIS utils/losses.py. p [N,K,S] probabilities.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/comm/communicator.h"

namespace semiseg {

// Map [N,1,S] of -Σ_c p ln(p + 1e-6), in nats. Local. entropy_map (uncertainty of UA-MT); divided
// by ln K it is entropy_loss_map.
at::Tensor entropy_map(const at::Tensor& p);

// Its mean over the samples and pixels of all ranks, collective. entropy_minmization; divided by
// ln K it is entropy_loss.
at::Tensor entropy(const at::Tensor& p, const Communicator& comm);

}  // namespace semiseg
