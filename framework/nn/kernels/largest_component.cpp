// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/kernels/label_maps.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <array>
#include <cstdlib>
#include <unordered_map>
#include <vector>

#include "framework/core/error.h"

namespace semiseg {
namespace {

struct Grid {
  int64_t depth, height, width;
  int64_t size() const { return depth * height * width; }
};

using Offset = std::array<int64_t, 3>;

// Neighbours that come before a pixel in raster order.
std::vector<Offset> earlier_neighbours(int64_t connectivity) {
  std::vector<Offset> offsets;
  for (int64_t z = -1; z <= 0; ++z) {
    for (int64_t y = -1; y <= 1; ++y) {
      for (int64_t x = -1; x <= 1; ++x) {
        const bool is_earlier = z < 0 || (z == 0 && (y < 0 || (y == 0 && x < 0)));
        if (is_earlier && std::abs(z) + std::abs(y) + std::abs(x) <= connectivity) {
          offsets.push_back({z, y, x});
        }
      }
    }
  }
  return offsets;
}

// Union–find whose root is the first pixel of a component in raster order.
class Components {
 public:
  explicit Components(int64_t size) : parent_(static_cast<size_t>(size)) {
    for (int64_t i = 0; i < size; ++i) parent_[static_cast<size_t>(i)] = i;
  }
  int64_t root(int64_t i) {
    while (parent(i) != i) i = parent(i) = parent(parent(i));
    return i;
  }
  void join(int64_t a, int64_t b) {
    a = root(a), b = root(b);
    (a < b ? parent(b) : parent(a)) = std::min(a, b);
  }

 private:
  int64_t& parent(int64_t i) { return parent_[static_cast<size_t>(i)]; }
  std::vector<int64_t> parent_;
};

void join_neighbours(const int64_t* label, const Grid& grid, const std::vector<Offset>& neighbours,
                     Components& components) {
  for (int64_t z = 0, i = 0; z < grid.depth; ++z) {
    for (int64_t y = 0; y < grid.height; ++y) {
      for (int64_t x = 0; x < grid.width; ++x, ++i) {
        if (label[i] == 0) continue;
        for (const auto& [dz, dy, dx] : neighbours) {
          if (z + dz < 0 || y + dy < 0 || y + dy >= grid.height || x + dx < 0 ||
              x + dx >= grid.width)
            continue;
          const int64_t j = i + (dz * grid.height + dy) * grid.width + dx;
          if (label[j] == label[i]) components.join(i, j);
        }
      }
    }
  }
}

void keep_largest(const int64_t* label, int64_t* out, const Grid& grid,
                  const std::vector<Offset>& neighbours) {
  Components components(grid.size());
  join_neighbours(label, grid, neighbours, components);
  std::vector<int64_t> sizes(static_cast<size_t>(grid.size()));
  for (int64_t i = 0; i < grid.size(); ++i) {
    if (label[i] != 0) ++sizes[static_cast<size_t>(components.root(i))];
  }
  std::unordered_map<int64_t, int64_t> largest;  // class → root
  for (int64_t i = 0; i < grid.size(); ++i) {
    const int64_t size = sizes[static_cast<size_t>(i)];
    if (size == 0) continue;
    const auto [found, is_new] = largest.emplace(label[i], i);
    if (!is_new && size > sizes[static_cast<size_t>(found->second)]) found->second = i;
  }
  for (int64_t i = 0; i < grid.size(); ++i) {
    out[i] = label[i] != 0 && components.root(i) == largest.at(label[i]) ? label[i] : 0;
  }
}

void set_roots(const int64_t* label, int64_t* out, const Grid& grid,
               const std::vector<Offset>& neighbours) {
  Components components(grid.size());
  join_neighbours(label, grid, neighbours, components);
  for (int64_t i = 0; i < grid.size(); ++i) out[i] = label[i] != 0 ? components.root(i) : -1;
}

// Applies `action` to every sample. Returns int64 on the CPU.
template <class Action>
at::Tensor of_samples(const at::Tensor& label, int64_t connectivity, const Action& action) {
  SEMISEG_CHECK(label.dim() == 3 || label.dim() == 4, "label maps are [N,H,W] or [N,D,H,W]");
  const Grid grid{label.dim() == 4 ? label.size(1) : 1, label.size(-2), label.size(-1)};
  const auto neighbours = earlier_neighbours(connectivity == 0 ? 3 : connectivity);
  const at::Tensor in = label.to(at::kCPU, at::kLong).contiguous();
  at::Tensor out = at::empty_like(in);
  const int64_t* from = in.const_data_ptr<int64_t>();
  int64_t* to = out.mutable_data_ptr<int64_t>();
  at::parallel_for(0, label.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n)
      action(from + n * grid.size(), to + n * grid.size(), grid, neighbours);
  });
  return out;
}

}  // namespace

at::Tensor largest_component(const at::Tensor& label, int64_t connectivity) {
  return of_samples(label, connectivity, keep_largest).to(label.options());
}

at::Tensor component_roots(const at::Tensor& label, int64_t connectivity) {
  return of_samples(label, connectivity, set_roots);
}

}  // namespace semiseg
