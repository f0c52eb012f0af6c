// SPDX-License-Identifier: Apache-2.0
// Tensors by name only, for interface headers (ATen itself costs seconds in every file that
// includes it).
#pragma once

namespace at {
class Tensor;
}
