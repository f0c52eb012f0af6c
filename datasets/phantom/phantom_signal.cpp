// SPDX-License-Identifier: Apache-2.0
#include "datasets/phantom/phantom_signal.h"

#include <algorithm>
#include <cmath>

namespace semiseg::phantom {
namespace {

double smooth_step(double t) { return t * t * (3 - 2 * t); }

// Elements `along` apart; `begin` of each line is enumerated by the caller.
void blur_line(const std::vector<float>& source, std::vector<float>& image, int64_t begin,
               int64_t along, int64_t size, const std::vector<double>& weights, double sum) {
  const auto reach = static_cast<int64_t>(weights.size() / 2);
  for (int64_t i = 0; i < size; ++i) {
    double value = 0;
    for (int64_t k = -reach; k <= reach; ++k) {
      const int64_t from = std::clamp<int64_t>(i + k, 0, size - 1);
      value += weights[k + reach] * source[begin + from * along];
    }
    image[begin + i * along] = static_cast<float>(value / sum);
  }
}

}  // namespace

SmoothField::SmoothField(int64_t size, int64_t cells, DrawSequence& draws)
    : step_(static_cast<double>(cells) / static_cast<double>(size)), stride_(cells + 2) {
  for (int64_t i = 0; i < stride_ * stride_; ++i) lattice_.push_back(draws.uniform(-1.7, 1.7));
}

double SmoothField::at(int64_t row, int64_t column) const {
  const double y = static_cast<double>(row) * step_, x = static_cast<double>(column) * step_;
  const auto i = static_cast<int64_t>(y), j = static_cast<int64_t>(x);
  const double v = smooth_step(y - static_cast<double>(i));
  const double u = smooth_step(x - static_cast<double>(j));
  const double* corner = &lattice_[i * stride_ + j];
  return (corner[0] * (1 - u) + corner[1] * u) * (1 - v) +
         (corner[stride_] * (1 - u) + corner[stride_ + 1] * u) * v;
}

SmoothVolume::SmoothVolume(int64_t slices, int64_t slice_cells, int64_t size, int64_t cells,
                           DrawSequence& draws)
    : step_(static_cast<double>(slice_cells) / static_cast<double>(slices)) {
  for (int64_t i = 0; i < slice_cells + 2; ++i) planes_.emplace_back(size, cells, draws);
}

double SmoothVolume::at(int64_t slice, int64_t row, int64_t column) const {
  const double z = static_cast<double>(slice) * step_;
  const auto i = static_cast<int64_t>(z);
  const double w = smooth_step(z - static_cast<double>(i));
  return planes_[i].at(row, column) * (1 - w) + planes_[i + 1].at(row, column) * w;
}

void blur(std::vector<float>& image, const std::vector<int64_t>& sides,
          const std::vector<double>& sigmas) {
  const auto elements = static_cast<int64_t>(image.size());
  int64_t outer = 1;
  for (size_t axis = 0; axis < sides.size(); ++axis) {
    const double sigma = sigmas[axis];
    const int64_t size = sides[axis], along = elements / (outer * size);
    if (sigma > 0) {
      const auto reach = static_cast<int64_t>(std::ceil(2.5 * sigma));
      std::vector<double> weights;
      double sum = 0;
      for (int64_t k = -reach; k <= reach; ++k) {
        weights.push_back(std::exp(-0.5 * static_cast<double>(k * k) / (sigma * sigma)));
        sum += weights.back();
      }
      const std::vector<float> source = image;
      for (int64_t block = 0; block < outer; ++block) {
        for (int64_t line = 0; line < along; ++line)
          blur_line(source, image, block * size * along + line, along, size, weights, sum);
      }
    }
    outer *= size;
  }
}

double magnitude(double signal, double noise, DrawSequence& draws) {
  const double real = signal + noise * draws.normal(), imaginary = noise * draws.normal();
  return std::hypot(real, imaginary);
}

}  // namespace semiseg::phantom
