// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/kernels/norm_passes.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include "framework/core/error.h"
#include "framework/nn/kernels/norm_rows.h"

namespace semiseg {
namespace {

constexpr int64_t kChunk = 32768;  // values, about; they stay in the second-level cache

template <class S>
using ArithmeticOf = std::conditional_t<std::is_same_v<S, double>, double, float>;

template <class S>
const S* values_of(const at::Tensor& x) {
  return static_cast<const S*>(x.const_data_ptr());
}

// Coefficients of the channels, repeated to a row.
template <class A>
std::vector<A> repeated(const at::Tensor& values, int64_t row) {
  const at::Tensor of_channels = values.to(at::kDouble).contiguous();
  const auto* value = of_channels.const_data_ptr<double>();
  std::vector<A> out(static_cast<size_t>(row));
  for (int64_t l = 0; l < row; ++l)
    out[static_cast<size_t>(l)] = static_cast<A>(value[l % of_channels.numel()]);
  return out;
}

// An image batch as rows, and the chunks that it is worked on in. A chunk is of one sample, so that
// its sums are the same bits whichever rank has the sample.
template <class S>
struct Chunks {
  using A = ArithmeticOf<S>;
  int64_t channels, samples, sample_size, row, chunk;
  std::vector<A> mean, scale, shift;
  NormRows<S, A> all;

  explicit Chunks(const at::Tensor& x)
      : channels(x.size(1)),
        samples(x.size(0)),
        sample_size(samples == 0 ? 0 : x.numel() / samples),
        row(channels * std::max<int64_t>(1, kRow / channels)),
        chunk(row * std::max<int64_t>(1, kChunk / row)) {
    all.row = row;
    all.x = values_of<S>(x);
  }
  Chunks(const at::Tensor& x, const NormCoefficients& norm, const AfterNorm& after) : Chunks(x) {
    mean = repeated<A>(norm.mean, row);
    scale = repeated<A>(norm.scale, row);
    shift = repeated<A>(norm.shift, row);
    all.mean = mean.data();
    all.scale = scale.data();
    all.shift = shift.data();
    all.keep = after.keep.defined() ? after.keep.const_data_ptr<uint8_t>() : nullptr;
    all.slope = static_cast<A>(after.slope);
    all.keep_scale = static_cast<A>(after.keep_scale);
  }

  int64_t of_sample() const { return (sample_size + chunk - 1) / chunk; }
  int64_t count() const { return samples * of_sample(); }
  int64_t size_of(int64_t index) const {
    return std::min(chunk, sample_size - index % of_sample() * chunk);
  }

  // Calls visit(index, first value, rows) for each chunk, in parallel.
  template <class Visit>
  void for_each(const Visit& visit) const {
    at::parallel_for(0, count(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t index = begin; index < end; ++index) {
        NormRows<S, A> rows = all;
        const int64_t first = index / of_sample() * sample_size + index % of_sample() * chunk;
        rows.size = size_of(index);
        rows.x += first;
        if (rows.keep) rows.keep += first;
        visit(index, first, rows);
      }
    });
  }

  // Sums of a row as sums of the channels.
  void fold(const std::vector<A>& sums, double* out) const {
    std::fill(out, out + channels, 0.0);
    for (int64_t l = 0; l < row; ++l) out[l % channels] += static_cast<double>(sums[l]);
  }
};

// Calls visit(S()) with the stored type of x.
template <class Visit>
auto with_type(const at::Tensor& x, const Visit& visit) {
  switch (x.scalar_type()) {
    case at::kBFloat16:
      return visit(Bfloat16());
    case at::kFloat:
      return visit(float());
    default:
      SEMISEG_CHECK(x.scalar_type() == at::kDouble, "a norm of images of another dtype");
  }
  return visit(double());
}

// Mean and centred squares of one chunk: [2, channels] at out.
template <class S>
void chunk_moments(const Chunks<S>& chunks, NormRows<S, ArithmeticOf<S>> rows, double* out) {
  using A = ArithmeticOf<S>;
  const double count = static_cast<double>(rows.size / chunks.channels);
  std::vector<A> sums(static_cast<size_t>(chunks.row)), mean(sums.size());
  add_values(rows, sums.data());
  chunks.fold(sums, out);
  for (int64_t c = 0; c < chunks.channels; ++c) out[c] /= count;
  // The squares are centred on the mean as it is rounded here; the error of that cancels below.
  for (int64_t l = 0; l < chunks.row; ++l)
    mean[static_cast<size_t>(l)] = static_cast<A>(out[l % chunks.channels]);
  std::fill(sums.begin(), sums.end(), A(0));
  rows.mean = mean.data();
  add_squares(rows, sums.data());
  double* squares = out + chunks.channels;
  chunks.fold(sums, squares);
  for (int64_t c = 0; c < chunks.channels; ++c) {
    const double off = static_cast<double>(mean[static_cast<size_t>(c)]) - out[c];
    squares[c] = std::max(0.0, squares[c] - count * off * off);
  }
}

}  // namespace

at::Tensor local_moments(const at::Tensor& x) {
  return with_type(x, [&](auto type) {
    using S = decltype(type);
    const Chunks<S> chunks(x);
    const int64_t channels = chunks.channels;
    std::vector<double> parts(static_cast<size_t>(2 * channels * chunks.count()));
    chunks.for_each([&](int64_t index, int64_t, const auto& rows) {
      chunk_moments<S>(chunks, rows, &parts[static_cast<size_t>(2 * channels * index)]);
    });
    at::Tensor out = at::zeros({2, channels}, at::kDouble);
    auto *mean = out.mutable_data_ptr<double>(), *squares = mean + channels;
    double count = 0;
    for (int64_t index = 0; index < chunks.count(); ++index) {
      const double* part = &parts[static_cast<size_t>(2 * channels * index)];
      const double more = static_cast<double>(chunks.size_of(index) / channels);
      const double share = more / (count + more);
      for (int64_t c = 0; c < channels; ++c) {
        const double apart = part[c] - mean[c];
        mean[c] += apart * share;
        squares[c] += part[channels + c] + apart * apart * share * count;
      }
      count += more;
    }
    return out;
  });
}

at::Tensor normalise(const at::Tensor& x, const NormCoefficients& norm, const AfterNorm& after) {
  at::Tensor y = at::empty_like(x);
  with_type(x, [&](auto type) {
    using S = decltype(type);
    auto* out = static_cast<S*>(y.mutable_data_ptr());
    Chunks<S>(x, norm, after).for_each([&](int64_t, int64_t first, const auto& rows) {
      semiseg::normalise(rows, out + first);
    });
  });
  return y;
}

at::Tensor gradient_sums(const at::Tensor& dy, const at::Tensor& x, const NormCoefficients& norm,
                         const AfterNorm& after) {
  return with_type(x, [&](auto type) {
    using S = decltype(type);
    using A = ArithmeticOf<S>;
    const Chunks<S> chunks(x, norm, after);
    const int64_t channels = chunks.channels;
    std::vector<double> parts(static_cast<size_t>(2 * channels * chunks.count()));
    chunks.for_each([&](int64_t index, int64_t first, const auto& rows) {
      std::vector<A> sums(static_cast<size_t>(chunks.row)), products(sums.size());
      add_gradients(rows, values_of<S>(dy) + first, sums.data(), products.data());
      double* part = &parts[static_cast<size_t>(2 * channels * index)];
      chunks.fold(sums, part);
      chunks.fold(products, part + channels);
    });
    at::Tensor out = at::zeros({2, channels}, at::kDouble);
    auto* total = out.mutable_data_ptr<double>();
    for (size_t i = 0; i < parts.size(); ++i)
      total[static_cast<int64_t>(i) % (2 * channels)] += parts[i];
    return out;
  });
}

at::Tensor input_gradient(const at::Tensor& dy, const at::Tensor& x, const NormCoefficients& norm,
                          const AfterNorm& after, const at::Tensor& slope_of_x,
                          const at::Tensor& constant) {
  at::Tensor dx = at::empty_like(x);
  with_type(x, [&](auto type) {
    using S = decltype(type);
    using A = ArithmeticOf<S>;
    const Chunks<S> chunks(x, norm, after);
    const std::vector<A> slopes = repeated<A>(slope_of_x, chunks.row),
                         constants = repeated<A>(constant, chunks.row);
    auto* out = static_cast<S*>(dx.mutable_data_ptr());
    chunks.for_each([&](int64_t, int64_t first, const auto& rows) {
      make_input_gradient(rows, values_of<S>(dy) + first, slopes.data(), constants.data(),
                          out + first);
    });
  });
  return dx;
}

}  // namespace semiseg
