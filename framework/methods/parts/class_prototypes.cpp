// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/class_prototypes.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "framework/core/error.h"

namespace semiseg {
namespace {

// a of P = a / d, [B,K,C]: with a denominator for each sample it is P itself.
at::Tensor numerators(const ClassPool& pool, const AffinityOptions& options) {
  return options.per_sample ? pool.sums / (pool.mass.unsqueeze(1) + options.epsilon) : pool.sums;
}

// The sums over this rank's samples that M is made of, [rows,C]: masses of both groups, then Σ_b a
// of both for each feature (group_mean), or Σ_b,k of a_l², a_l a_u and a_u².
at::Tensor sums_of(const GroupPair& map, const GroupPair& guides, const AffinityOptions& options) {
  const ClassPool l = pool_classes(map.labelled, guides.labelled),
                  u = pool_classes(map.unlabelled, guides.unlabelled);
  const at::Tensor a = numerators(l, options), b = numerators(u, options);
  const at::Tensor masses = at::stack({l.mass.sum(0), u.mass.sum(0)});
  if (options.group_mean) return at::cat({masses, a.sum(0), b.sum(0)});
  SEMISEG_CHECK(a.size(0) == b.size(0), "pairs of labelled and unlabelled samples lie on one rank");
  const auto over_pairs = [](const at::Tensor& x) { return x.sum(at::IntArrayRef{0, 1}); };
  const at::Tensor squares = at::stack({over_pairs(a * a), over_pairs(a * b), over_pairs(b * b)});
  // The number of values that are compared, in every class.
  return at::cat({masses, squares, at::full_like(squares.slice(0, 0, 1), a.size(0) * a.size(1))});
}

// M of the sums over all ranks.
at::Tensor affinity_of(const at::Tensor& sums, const AffinityOptions& options) {
  const at::Tensor ones = at::ones_like(sums[0]);
  const at::Tensor l = options.per_sample ? ones : sums[0] + options.epsilon,
                   u = options.per_sample ? ones : sums[1] + options.epsilon;
  at::Tensor squares;  // [C] mean over b and k
  if (options.group_mean) {
    const std::vector<at::Tensor> groups = sums.slice(0, 2).chunk(2);
    squares = (groups[1] / u - groups[0] / l).square().mean(0);
  } else {
    squares = (sums[2] / (l * l) - 2 * sums[3] / (l * u) + sums[4] / (u * u)) / sums[5];
  }
  if (!options.skip_absent_class) return squares.mean();
  const at::Tensor counts = (sums[0].detach() > 0).to(squares.scalar_type());
  return (squares * counts).sum() / counts.sum().clamp_min(1);
}

}  // namespace

at::Tensor guide_at(const at::Tensor& guide, const at::Tensor& map) {
  at::Tensor picked = guide;
  for (int64_t axis = 2; axis < guide.dim(); ++axis) {
    SEMISEG_CHECK(guide.size(axis) % map.size(axis) == 0,
                  "a guide is resized by a whole number of voxels");
    picked = picked.slice(axis, 0, guide.size(axis), guide.size(axis) / map.size(axis));
  }
  return picked;
}

ClassPool pool_classes(const at::Tensor& features, const at::Tensor& guide) {
  const at::Tensor weights = guide_at(guide, features).flatten(2);
  const at::Tensor map = features.to(weights.scalar_type()).flatten(2);
  return {at::bmm(map, weights.transpose(1, 2)).to(at::kDouble),
          weights.sum(2, /*keepdim=*/false, at::kDouble)};
}

std::vector<at::Tensor> task_affinity(const std::vector<GroupPair>& features,
                                      const GroupPair& guides, const AffinityOptions& options,
                                      const Communicator& comm) {
  std::vector<at::Tensor> parts;
  std::vector<int64_t> rows;
  for (const GroupPair& map : features) {
    parts.push_back(sums_of(map, guides, options));
    rows.push_back(parts.back().size(0));
  }
  std::vector<at::Tensor> affinities;
  for (const at::Tensor& sums : comm.sum(at::cat(parts)).split_with_sizes(rows))
    affinities.push_back(affinity_of(sums, options).to(guides.labelled.scalar_type()));
  return affinities;
}

}  // namespace semiseg
