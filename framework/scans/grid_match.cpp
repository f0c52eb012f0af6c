// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/grid_match.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "framework/core/error.h"
#include "framework/core/log.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// Steps along the axes of `grid` that make `move` (mm): Cramer's rule.
std::array<double, 3> in_voxels(const ScanGeometry& grid, const std::array<double, 3>& move) {
  const auto& a = grid.affine;
  const auto column = [&](int axis) {
    return std::array<double, 3>{a[axis], a[4 + axis], a[8 + axis]};
  };
  const auto det = [](const std::array<std::array<double, 3>, 3>& c) {
    return c[0][0] * (c[1][1] * c[2][2] - c[1][2] * c[2][1]) -
           c[1][0] * (c[0][1] * c[2][2] - c[0][2] * c[2][1]) +
           c[2][0] * (c[0][1] * c[1][2] - c[0][2] * c[1][1]);
  };
  const std::array<std::array<double, 3>, 3> columns = {column(0), column(1), column(2)};
  std::array<double, 3> steps;
  for (int axis = 0; axis < 3; ++axis) {
    auto changed = columns;
    changed[axis] = move;
    steps[axis] = det(changed) / det(columns);
  }
  return steps;
}

std::string text(const ScanGeometry& grid) {
  return fmt::format("{} voxels of {:.4g} mm, axes {}", fmt::join(grid.size, "×"),
                     fmt::join(grid.spacing_mm, "×"), orientation_letters(grid));
}

bool is_identity(const Orientation& orientation) {
  return orientation.axis == std::array<int, 3>{0, 1, 2} &&
         orientation.flip == std::array<bool, 3>{};
}

[[noreturn]] void fail(const ScanGeometry& from, const fs::path& file, const ScanGeometry& onto,
                       const fs::path& reference, double tolerance, const std::string& what) {
  // Turned as nearly as it goes, so that the distance is not that of other axes.
  const ScanGeometry a = reorient(from, to_canonical(from)), b = reorient(onto, to_canonical(onto));
  std::string got = text(from), fix = "resample it onto that grid";
  if (a.size == b.size) {
    const CornerDistance apart = corner_distance(b, a);
    got +=
        fmt::format("; corners are up to {:.3g} voxels ({:.3g} mm) apart", apart.voxels, apart.mm);
    fix = fmt::format(
        "resample it onto that grid, or accept more than {:g} voxels: "
        "--grid-tolerance (dataset.grid_tolerance for nnunet_raw)",
        tolerance);
  }
  throw Error(ErrorKind::kData,
              {.what = what,
               .where = file.string(),
               .expected = fmt::format("the grid of {}: {}", reference.string(), text(onto)),
               .got = got,
               .fix = fix});
}

}  // namespace

CornerDistance corner_distance(const ScanGeometry& a, const ScanGeometry& b) {
  CornerDistance largest;
  for (int corner = 0; corner < 8; ++corner) {
    std::array<double, 3> move = {};
    for (int row = 0; row < 3; ++row) {
      move[row] = b.affine[4 * row + 3] - a.affine[4 * row + 3];
      for (int axis = 0; axis < 3; ++axis) {
        const double index = corner >> axis & 1 ? static_cast<double>(a.size[axis] - 1) : 0;
        move[row] += (b.affine[4 * row + axis] - a.affine[4 * row + axis]) * index;
      }
    }
    largest.mm = std::max(largest.mm, std::hypot(move[0], move[1], move[2]));
    for (const double steps : in_voxels(a, move))
      largest.voxels = std::max(largest.voxels, std::abs(steps));
  }
  return largest;
}

std::optional<Orientation> match_axes(const ScanGeometry& from, const ScanGeometry& onto,
                                      double tolerance) {
  Orientation turn;
  do {
    for (int flips = 0; flips < 8; ++flips) {
      for (int axis = 0; axis < 3; ++axis) turn.flip[axis] = (flips >> axis & 1) != 0;
      const ScanGeometry turned = reorient(from, turn);
      if (same_grid(onto, turned, tolerance)) return turn;
    }
  } while (std::next_permutation(turn.axis.begin(), turn.axis.end()));
  return std::nullopt;
}

at::Tensor onto_grid(const at::Tensor& values, const ScanGeometry& from, const fs::path& file,
                     const ScanGeometry& onto, const fs::path& reference, double tolerance,
                     const std::string& what) {
  const std::optional<Orientation> turn = match_axes(from, onto, tolerance);
  if (!turn) fail(from, file, onto, reference, tolerance, what);
  const CornerDistance apart = corner_distance(onto, reorient(from, *turn));
  if (apart.mm > 1e-3) {
    log::line(
        fmt::format("note: {} lies {:.2g} voxels ({:.2g} mm) off the grid of {}, which is "
                    "taken as rounding",
                    file.string(), apart.voxels, apart.mm, reference.string()));
  }
  if (is_identity(*turn)) return values;
  log::line(fmt::format(
      "note: {} has its axes in another order ({}) than {} ({}); its voxels are "
      "put in that order",
      file.string(), orientation_letters(from), reference.string(), orientation_letters(onto)));
  return reorient(values, *turn);
}

}  // namespace semiseg
