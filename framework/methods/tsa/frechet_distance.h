// SPDX-License-Identifier: Apache-2.0
// The distance of the class statistics of two domains: the Fréchet distance of Gaussians (Dowson
// & Landau, J. Multivariate Analysis 1982), whose square Heusel et al. (NeurIPS 2017) take as FID.
//   d² = |μ_1 − μ_2|² + tr(Σ_1 + Σ_2 − 2 (Σ_1^½ Σ_2 Σ_1^½)^½)
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "framework/methods/tsa/tsa_memory.h"

namespace semiseg {

// Returns d of each class: float64 [C] on the CPU, in the unit of the features. Symmetric in its
// arguments up to rounding. A class without pixels has mean and covariance 0: the caller leaves it
// out.
at::Tensor frechet_distance(const ClassStatistics& one, const ClassStatistics& other);

// Returns d from each domain of one stream to each other domain of another stream, named
// "tsa.frechet.<from>_to_<to>.class<k>", and without ".class<k>" its mean over these classes. A
// class counts if both domains have `least` of its pixels; a pair without such a class is left out.
// Measures the memory as it is after its last merge. Not collective.
std::vector<std::pair<std::string, double>> domain_distances(
    const TsaMemory& memory, size_t from, size_t to, const std::vector<std::string>& domains,
    int64_t least);

}  // namespace semiseg
