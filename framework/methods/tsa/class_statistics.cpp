// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/class_statistics.h"

#include <ATen/Dispatch.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "framework/core/error.h"
#include "framework/methods/tsa/class_chunk.h"

#ifdef SEMISEG_HAS_CUDA
#include <c10/cuda/CUDAStream.h>

#include "framework/methods/tsa/class_statistics_cuda.h"
#endif

namespace semiseg {
namespace {

constexpr int64_t kBlock = 4096;  // pixels; a block's sums do not depend on who computes them
// The largest stride of pixels: a position in a block fits into 32 bits.
constexpr int64_t kMostStride = std::numeric_limits<int32_t>::max() / kBlock;
constexpr int64_t kGrain = 16384;  // pixels that are worth waking a thread

int64_t scatter_size(int64_t features, CovarianceKind kind) {
  return kind == CovarianceKind::kFull ? features * (features + 1) / 2 : features;
}

// As the kernels of class_chunk.h read it.
const Bfloat16* as_stored(const c10::BFloat16* x) { return reinterpret_cast<const Bfloat16*>(x); }
template <class T>
const T* as_stored(const T* x) {
  return x;
}

// One thread's work on one block: pixels sorted by class, the sums of a class about a point near
// its own pixels (a shift far from them, as at the first step, would cost digits), then moved to
// the common shift in float64. x: storage type of the features, T: precision of a chunk's sums.
template <class Stored, class T>
class BlockSums {
 public:
  BlockSums(const at::Tensor& features, const at::Tensor& label, const at::Tensor& shift, bool full)
      : x_(features),
        label_(label),
        shift_(shift.const_data_ptr<double>()),
        classes_(shift.size(0)),
        features_(shift.size(1)),
        full_(full),
        starts_(classes_ + 2),
        order_(kBlock),
        chunk_(features_ * kChunk),
        near_(features_),
        sum_(features_),
        scatter_(
            scatter_size(features_, full ? CovarianceKind::kFull : CovarianceKind::kDiagonal)) {}

  // Adds pixels [first, end) of a sample to `out` [C, 2 + A + P].
  void add(int64_t sample, int64_t first, int64_t end, double* out) {
    sort_by_class(
        label_.const_data_ptr<int64_t>() + sample * label_.stride(0) + first * label_.stride(1),
        static_cast<int32_t>(end - first));
    const Stored* data = x_.const_data_ptr<Stored>() + sample * x_.stride(0) + first * x_.stride(2);
    const int64_t width = 2 + features_ + static_cast<int64_t>(scatter_.size());
    for (int64_t k = 0; k < classes_; ++k) {
      const int64_t size = starts_[k + 1] - starts_[k];
      if (size > 0)
        add_class(data, &order_[starts_[k]], size, shift_ + k * features_, out + k * width);
    }
  }

 private:
  // Counting sort; starts_[k] … starts_[k + 1] are the places of class k in order_.
  void sort_by_class(const int64_t* label, int32_t size) {
    const int64_t step = label_.stride(1);
    std::fill(starts_.begin(), starts_.end(), 0);
    for (int32_t i = 0; i < size; ++i) {
      const int64_t y = label[i * step];
      SEMISEG_CHECK(y == kIgnoreLabel || (y >= 0 && y < classes_),
                    "label " + std::to_string(y) + " is no class");
      if (y != kIgnoreLabel) ++starts_[y + 2];
    }
    for (int64_t k = 2; k < classes_ + 2; ++k) starts_[k] += starts_[k - 1];
    for (int32_t i = 0; i < size; ++i) {
      const int64_t y = label[i * step];
      if (y != kIgnoreLabel) order_[starts_[y + 1]++] = i;
    }
  }

  void add_class(const Stored* data, const int32_t* pixels, int64_t size, const double* shift,
                 double* out) {
    std::fill(sum_.begin(), sum_.end(), 0.0);
    std::fill(scatter_.begin(), scatter_.end(), 0.0);
    find_near(data, pixels, std::min<int64_t>(size, 16));
    for (int64_t i = 0; i < size; i += kChunk) {
      const int64_t part = std::min(kChunk, size - i);
      gather_chunk(as_stored(data), x_.stride(1), x_.stride(2), pixels + i, part, near_.data(),
                   features_, chunk_.data());
      add_chunk(chunk_.data(), part, features_, full_, sum_.data(), scatter_.data());
    }
    add_shifted(static_cast<double>(size), shift, out);
  }

  void find_near(const Stored* data, const int32_t* pixels, int64_t size) {
    for (int64_t a = 0; a < features_; ++a) {
      T total = 0;
      for (int64_t i = 0; i < size; ++i) {
        total += static_cast<T>(data[a * x_.stride(1) + pixels[i] * x_.stride(2)]);
      }
      near_[a] = total / static_cast<T>(size);
    }
  }

  // With x - shift = q + d:  Σ(q+d) = s + m d,  Σ(q+d)(q+d)ᵀ = Q + d sᵀ + s dᵀ + m d dᵀ.
  void add_shifted(double size, const double* shift, double* out) {
    const auto d = [&](int64_t a) { return static_cast<double>(near_[a]) - shift[a]; };
    out[0] += size;
    out[1] += size;
    for (int64_t a = 0; a < features_; ++a) out[2 + a] += sum_[a] + size * d(a);
    double* scatter = out + 2 + features_;
    size_t p = 0;
    for (int64_t a = 0; a < features_; ++a) {
      for (int64_t b = a; b < (full_ ? features_ : a + 1); ++b, ++p) {
        scatter[p] += scatter_[p] + d(a) * sum_[b] + (sum_[a] + size * d(a)) * d(b);
      }
    }
  }

  const at::Tensor& x_;
  const at::Tensor& label_;
  const double* shift_;
  const int64_t classes_, features_;
  const bool full_;
  std::vector<int64_t> starts_;
  std::vector<int32_t> order_;
  std::vector<T> chunk_, near_;
  std::vector<double> sum_, scatter_;
};

// Sums of all blocks [N · blocks, C · (2 + A + P)].
template <class Stored, class T>
void sum_blocks(const at::Tensor& x, const at::Tensor& label, const at::Tensor& shift, bool full,
                at::Tensor& partial) {
  const int64_t pixels = x.size(2), blocks = (pixels + kBlock - 1) / kBlock,
                width = partial.size(1);
  auto* out = partial.mutable_data_ptr<double>();
  const int64_t grain = kGrain / std::clamp<int64_t>(pixels, 1, kBlock);
  at::parallel_for(0, partial.size(0), grain, [&](int64_t begin, int64_t end) {
    BlockSums<Stored, T> sums(x, label, shift, full);
    for (int64_t item = begin; item < end; ++item) {
      const int64_t first = item % blocks * kBlock;
      sums.add(item / blocks, first, std::min(first + kBlock, pixels), out + item * width);
    }
  });
}

// Rows [G, R, W] added in their order → [G, W].
at::Tensor add_rows(const at::Tensor& rows) {
  if (rows.size(1) == 1) return rows.select(1, 0);
  const int64_t groups = rows.size(0), size = rows.size(1), width = rows.size(2);
  at::Tensor total = at::zeros({groups, width}, rows.options());
  const auto* in = rows.const_data_ptr<double>();
  auto* out = total.mutable_data_ptr<double>();
  for (int64_t group = 0; group < groups; ++group, out += width) {
    for (int64_t row = 0; row < size; ++row, in += width) {
      for (int64_t i = 0; i < width; ++i) out[i] += in[i];
    }
  }
  return total;
}

// [N, C, 2 + A + P]; undefined where the device has no kernel or no memory for so many sums.
at::Tensor sample_sums_on_gpu([[maybe_unused]] const at::Tensor& features,
                              [[maybe_unused]] const at::Tensor& label,
                              [[maybe_unused]] const at::Tensor& shift,
                              [[maybe_unused]] CovarianceKind kind) {
#ifdef SEMISEG_HAS_CUDA
  const at::Tensor x = (features.scalar_type() == at::kDouble ? features : features.to(at::kFloat))
                           .unsqueeze(-1)
                           .flatten(2);
  const at::Tensor y = label.unsqueeze(-1).flatten(1), c = shift.contiguous();
  const int64_t classes = shift.size(0), width = 2 + x.size(1) + scatter_size(x.size(1), kind);
  if (!x.is_cuda() || !statistics_fit_gpu(classes, x.size(1), width, x.element_size())) return {};
  const at::Tensor partial =
      at::empty({x.size(0), gpu_blocks_of_sample(x.size(2)), classes, width}, c.options());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "class_sums_on_gpu", [&] {
    class_sums_on_gpu<scalar_t>(
        {x.size(0), x.size(1), x.size(2), classes, x.const_data_ptr<scalar_t>(), x.stride(0),
         x.stride(1), x.stride(2), y.const_data_ptr<int64_t>(), y.stride(0), y.stride(1),
         c.const_data_ptr<double>(), kind == CovarianceKind::kFull},
        partial.mutable_data_ptr<double>(), width,
        c10::cuda::getCurrentCUDAStream(x.device().index()));
  });
  return partial.sum(1);
#else
  return {};
#endif
}

void check_batch(const at::Tensor& features, const at::Tensor& label, const at::Tensor& shift) {
  SEMISEG_CHECK(features.dim() >= 2 && features.size(1) == shift.size(1),
                "features [N,A,S] must have the memory's A = " + std::to_string(shift.size(1)));
  SEMISEG_CHECK(
      label.scalar_type() == at::kLong && label.numel() * features.size(1) == features.numel(),
      "label [N,S] must be int64 and fit the features [N,A,S]");
}

}  // namespace

std::pair<at::Tensor, at::Tensor> scatter_index(int64_t features, CovarianceKind kind,
                                                at::Device device) {
  const at::TensorOptions integer = at::TensorOptions(device).dtype(at::kLong);
  if (kind == CovarianceKind::kFull) {
    const at::Tensor index = at::triu_indices(features, features, 0, integer);
    return {index[0], index[1]};
  }
  const at::Tensor diagonal = at::arange(features, integer);
  return {diagonal, diagonal};
}

at::Tensor sample_sums(const at::Tensor& features, const at::Tensor& label, const at::Tensor& shift,
                       CovarianceKind kind) {
  check_batch(features, label, shift);
  const at::NoGradGuard no_grad;
  const int64_t samples = features.size(0), classes = shift.size(0),
                width = 2 + shift.size(1) + scatter_size(shift.size(1), kind);
  if (!features.device().is_cpu()) {
    if (const at::Tensor fused = sample_sums_on_gpu(features, label, shift, kind); fused.defined())
      return fused;
    at::Tensor sums = at::empty({samples, classes, width}, shift.options());
    for (int64_t i = 0; i < samples; ++i) {
      sums[i].copy_(
          batch_sums_composed(features.narrow(0, i, 1), label.narrow(0, i, 1), shift, kind).values);
    }
    return sums;
  }
  // A view for contiguous and for channels-last memory, a copy for what has no single stride over
  // pixels.
  at::Tensor x = features.unsqueeze(-1).flatten(2);
  if (x.stride(2) > kMostStride) x = x.contiguous();
  const at::Tensor y = label.unsqueeze(-1).flatten(1), c = shift.contiguous();
  const int64_t blocks = (x.size(2) + kBlock - 1) / kBlock;
  at::Tensor partial = at::zeros({samples * blocks, classes * width}, c.options());
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, x.scalar_type(), "batch_sums", [&] {
    using Precision = std::conditional_t<std::is_same_v<scalar_t, double>, double, float>;
    sum_blocks<scalar_t, Precision>(x, y, c, kind == CovarianceKind::kFull, partial);
  });
  return add_rows(partial.view({samples, blocks, classes * width})).view({samples, classes, width});
}

at::Tensor sum_of_samples(const at::Tensor& rows) {
  if (!rows.device().is_cpu()) return rows.sum(0);
  return add_rows(rows.flatten(1).unsqueeze(0)).view(rows.sizes().slice(1));
}

BatchSums batch_sums(const at::Tensor& features, const at::Tensor& label, const at::Tensor& shift,
                     CovarianceKind kind) {
  return {sum_of_samples(sample_sums(features, label, shift, kind)), shift.size(1)};
}

BatchSums batch_sums_composed(const at::Tensor& features, const at::Tensor& label,
                              const at::Tensor& shift, CovarianceKind kind) {
  check_batch(features, label, shift);
  const at::NoGradGuard no_grad;
  const int64_t classes = shift.size(0), width = shift.size(1);
  const auto [row, column] = scatter_index(width, kind, shift.device());
  const at::Tensor x = features.movedim(1, -1).reshape({-1, width}).to(at::kDouble),
                   y = label.reshape(-1);
  std::vector<at::Tensor> values;
  for (int64_t k = 0; k < classes; ++k) {
    const at::Tensor is_class = (y == k).unsqueeze(1);
    const at::Tensor q = at::where(is_class, x - shift[k], 0.0);
    const at::Tensor scatter =
        kind == CovarianceKind::kFull
            ? at::matmul(q.t(), q).view(-1).index_select(0, row * width + column)
            : q.square().sum(0);
    const at::Tensor count = is_class.sum().to(at::kDouble).expand({2});
    values.push_back(at::cat({count, q.sum(0), scatter}));
  }
  return {at::stack(values), width};
}

}  // namespace semiseg
