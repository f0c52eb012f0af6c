// SPDX-License-Identifier: Apache-2.0
// Exact Euclidean distances from each voxel of one border to the nearest of another.
//
// Own code, because borders are thin and mostly near each other: a search through the rows around a
// voxel, nearest row first, 64 voxels of a row at once, ends after some ten words, where a distance
// transform writes the whole box. Voxels that are far from all others go to a k-d tree (nanoflann).
// Measured on the label maps of `semiseg benchmark metrics/…`, two threads, in the box of each
// class, as multiples of this: the tree alone 5 to 10, a separable exact transform (Felzenszwalb
// and Huttenlocher, 2012) 7 to 15, ITK's Maurer transform 20 to 31 and not exact, its Danielsson
// transform more than 100 and not exact. Where prediction and reference lie 20 voxels apart, the
// tree alone takes 0.96 and the transform 1.5 times as long.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "framework/metrics/bit_grid.h"

namespace semiseg {

using Spacing3 = std::array<double, 3>;  // spacing of planes, rows and columns

// The rows around a voxel, nearest first, and the radius within which they are complete.
class NearRows {
 public:
  // `depth`: planes of the deepest grid.
  NearRows(const Spacing3& spacing, int64_t depth);

  struct Row {
    int32_t plane, row;  // relative to the voxel's
    double squared;      // distance of the row from the voxel, in units of the spacing
  };
  const std::vector<Row>& rows() const { return rows_; }
  // Every voxel nearer than this, squared, lies in rows() and in the 64 voxels that are looked at.
  double known_squared() const { return known_squared_; }
  // Returns the squared distance of a voxel `columns` away, 0 … 33; 33 stands for none.
  double squared_columns(int columns) const { return columns_[static_cast<size_t>(columns)]; }

 private:
  std::vector<Row> rows_;
  double known_squared_;
  std::array<double, 34> columns_;
};

// Writes the distance of each voxel of plane z of `from` to the nearest voxel of `to`, in raster
// order, to `distances`; -1 where it was not found, because it is not within near.known_squared()
// or because most others of the plane are not. Grids of one size.
void search_plane(const BitGrid& from, const BitGrid& to, const NearRows& near, int64_t z,
                  double* distances);

// Replaces the entries of `distances` (all voxels of `from`, in raster order) that are -1 by exact
// values. `to` is not empty. Multi-threaded.
void search_far(const BitGrid& from, const BitGrid& to, const Spacing3& spacing,
                std::vector<double>& distances);

}  // namespace semiseg
