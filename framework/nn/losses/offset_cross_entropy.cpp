// SPDX-License-Identifier: Apache-2.0
#include "framework/nn/losses/offset_cross_entropy.h"

#include <ATen/Dispatch.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "framework/nn/kernels/softmax_tile.h"

#ifdef SEMISEG_HAS_CUDA
#include "framework/nn/losses/offset_cross_entropy_on_gpu.h"
#endif

namespace semiseg {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kBlock = 4096;   // pixels; a block's sums do not depend on who computes them
constexpr int64_t kGrain = 16384;  // pixels that are worth waking a thread

template <class Mask, class T>
void multiply(const void* mask, int64_t step, int64_t size, T* weight) {
  const auto* m = static_cast<const Mask*>(mask);
  for (int64_t i = 0; i < size; ++i) weight[i] *= static_cast<T>(m[i * step]);
}

// The arguments as [N,C,pixels] and [N,pixels], with a single stride over pixels.
template <class T>
class Pixels {
 public:
  Pixels(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& table,
         const at::Tensor& mask)
      : z_(logits.unsqueeze(-1).flatten(2)), label_(label.unsqueeze(-1).flatten(1)) {
    if (mask.defined()) {
      mask_ = mask.unsqueeze(-1).flatten(1);
      AT_DISPATCH_ALL_TYPES_AND2(at::kBool, at::kBFloat16, mask.scalar_type(), "mask",
                                 [&] { multiply_ = &multiply<scalar_t, T>; });
    }
    if (table.defined()) table_ = table.detach().t().to(z_.scalar_type()).contiguous();
  }

  int64_t classes() const { return z_.size(1); }
  int64_t blocks() const { return z_.numel() == 0 ? 0 : z_.size(0) * blocks_of_sample(); }

  // Calls visit(block, sample, first pixel, tile) for each tile; the tiles of a block in turn,
  // blocks in parallel.
  template <class Visit>
  void for_each_tile(const Visit& visit) const {
    const int64_t grain = kGrain / std::clamp<int64_t>(z_.size(2), 1, kBlock);
    at::parallel_for(0, blocks(), grain, [&](int64_t begin, int64_t end) {
      std::vector<T> z(static_cast<size_t>(classes() * kTile));
      Tile<T> tile{.classes = classes(), .z = z.data()};
      for (int64_t block = begin; block < end; ++block) {
        const int64_t sample = block / blocks_of_sample(),
                      start = block % blocks_of_sample() * kBlock;
        const int64_t stop = std::min(start + kBlock, z_.size(2));
        for (int64_t first = start; first < stop; first += kTile) {
          tile.size = std::min(kTile, stop - first);
          load(sample, first, tile);
          visit(block, sample, first, tile);
        }
      }
    });
  }

 private:
  int64_t blocks_of_sample() const { return (z_.size(2) + kBlock - 1) / kBlock; }

  void load(int64_t sample, int64_t first, Tile<T>& tile) const {
    load_logits(z_.const_data_ptr<T>() + sample * z_.stride(0) + first * z_.stride(2), tile);
    std::fill_n(tile.weight, tile.size, T(1));
    if (mask_.defined()) {
      const int64_t at =
          (sample * mask_.stride(0) + first * mask_.stride(1)) * mask_.element_size();
      multiply_(static_cast<const char*>(mask_.const_data_ptr()) + at, mask_.stride(1), tile.size,
                tile.weight);
    }
    const bool is_class = set_labels(
        tile,
        label_.const_data_ptr<int64_t>() + sample * label_.stride(0) + first * label_.stride(1),
        label_.stride(1));
    SEMISEG_CHECK(is_class, "a label is no class of " + std::to_string(tile.classes));
    if (table_.defined()) add_offsets(tile, table_.const_data_ptr<T>());
  }

  void load_logits(const T* z, Tile<T>& tile) const {
    const int64_t channel = z_.stride(1), pixel = z_.stride(2);
    for (int64_t j = 0; j < tile.classes; ++j) {
      if (pixel == 1) {
        std::copy_n(z + j * channel, tile.size, tile.z + j * kTile);
      } else {
        for (int64_t i = 0; i < tile.size; ++i) tile.z[j * kTile + i] = z[j * channel + i * pixel];
      }
    }
  }

  at::Tensor z_, label_, mask_, table_;  // table [j,y]: the offsets of one logit lie together
  void (*multiply_)(const void*, int64_t, int64_t, T*) = nullptr;
};

// Rows added in their order.
at::Tensor add_rows(const std::vector<double>& rows, int64_t width) {
  at::Tensor total = at::zeros({width}, at::kDouble);
  auto* out = total.mutable_data_ptr<double>();
  for (size_t i = 0; i < rows.size(); ++i) out[static_cast<int64_t>(i) % width] += rows[i];
  return total;
}

// {Σ m ℓ, Σ m} float64.
template <class T>
at::Tensor forward_kernel(const Pixels<T>& pixels) {
  std::vector<double> partial(static_cast<size_t>(pixels.blocks() * 2));
  pixels.for_each_tile([&](int64_t block, int64_t, int64_t, Tile<T>& tile) {
    const WeightedSum sum = weighted_cross_entropy(tile);
    partial[block * 2] += sum.loss;
    partial[block * 2 + 1] += sum.weight;
  });
  return add_rows(partial, 2);
}

template <class T>
void store(const Tile<T>& tile, int64_t channel, int64_t pixel, T* out) {
  for (int64_t j = 0; j < tile.classes; ++j) {
    if (pixel == 1) {
      std::copy_n(tile.z + j * kTile, tile.size, out + j * channel);
    } else {
      for (int64_t i = 0; i < tile.size; ++i) out[j * channel + i * pixel] = tile.z[j * kTile + i];
    }
  }
}

struct Gradients {
  at::Tensor logits, table;
};

template <class T>
Gradients backward_kernel(const Pixels<T>& pixels, const at::Tensor& logits, double scale,
                          bool to_logits, bool to_table) {
  const int64_t classes = pixels.classes(), width = classes * classes;
  Gradients gradients;
  if (to_logits) gradients.logits = at::empty_like(logits);
  // Dense memory has a single stride over pixels, so this is a view.
  const at::Tensor out = to_logits ? gradients.logits.unsqueeze(-1).flatten(2) : at::Tensor();
  std::vector<double> partial(static_cast<size_t>(to_table ? pixels.blocks() * width : 0));
  pixels.for_each_tile([&](int64_t block, int64_t sample, int64_t first, Tile<T>& tile) {
    make_residual(tile, static_cast<T>(scale));
    if (to_logits) {
      store(tile, out.stride(1), out.stride(2),
            out.mutable_data_ptr<T>() + sample * out.stride(0) + first * out.stride(2));
    }
    if (to_table) add_by_class(tile, &partial[static_cast<size_t>(block * width)]);
  });
  if (to_table) gradients.table = add_rows(partial, width).view({classes, classes});
  return gradients;
}

// {Σ m ℓ, Σ m} float64 on the logits' device.
template <class T>
at::Tensor sums_of(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& table,
                   const at::Tensor& mask) {
#ifdef SEMISEG_HAS_CUDA
  if (logits.is_cuda()) return OffsetCrossEntropyOnGpu<T>(logits, label, table, mask).sums();
#endif
  return forward_kernel(Pixels<T>(logits, label, table, mask));
}

// `saved`: logits, label, table, mask. `scale` is the factor on Σ m ℓ, one number on the logits'
// device.
template <class T>
Gradients gradients_of(const variable_list& saved, const at::Tensor& scale, bool to_logits,
                       bool to_table) {
  const at::Tensor& logits = saved[0];
#ifdef SEMISEG_HAS_CUDA
  if (logits.is_cuda()) {
    const at::Tensor gradient = to_logits ? at::empty_like(logits) : at::Tensor();
    return {gradient, OffsetCrossEntropyOnGpu<T>(logits, saved[1], saved[2], saved[3])
                          .residual(scale, gradient, to_table)};
  }
#endif
  return backward_kernel(Pixels<T>(logits, saved[1], saved[2], saved[3]), logits,
                         scale.item<double>(), to_logits, to_table);
}

class FusedSums : public torch::autograd::Function<FusedSums> {
 public:
  // Absent tensors must be empty options here: an undefined one is an error of the library.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& logits,
                            const at::Tensor& label, const std::optional<at::Tensor>& maybe_table,
                            const std::optional<at::Tensor>& maybe_mask) {
    const at::Tensor table = maybe_table.value_or(at::Tensor()),
                     mask = maybe_mask.value_or(at::Tensor());
    context->save_for_backward({logits, label, table, mask});
    at::Tensor sums;
    AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "cross_entropy_with_offsets",
                               [&] { sums = sums_of<scalar_t>(logits, label, table, mask); });
    return sums;
  }

  static variable_list backward(AutogradContext* context, variable_list outer) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &logits = saved[0], &table = saved[2];
    const bool to_logits = context->needs_input_grad(0),
               to_table = table.defined() && context->needs_input_grad(2);
    Gradients gradients;
    AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "cross_entropy_with_offsets_backward", [&] {
      gradients = gradients_of<scalar_t>(saved, outer[0][0], to_logits, to_table);
    });
    if (to_table) gradients.table = gradients.table.to(table.scalar_type());
    return {gradients.logits, {}, gradients.table, {}};
  }
};

void check_arguments(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& table,
                     const at::Tensor& mask) {
  SEMISEG_CHECK(logits.dim() >= 2 && label.scalar_type() == at::kLong &&
                    label.numel() * logits.size(1) == logits.numel() &&
                    (!mask.defined() || mask.sizes() == label.sizes()),
                "label and mask [N,S] must fit the logits [N,C,S], and the label must be int64");
  SEMISEG_CHECK(
      !table.defined() || table.sizes() == at::IntArrayRef({logits.size(1), logits.size(1)}),
      "the table must be [C,C]");
}

bool has_kernel(const at::Tensor& logits) {
#ifdef SEMISEG_HAS_CUDA
  if (logits.is_cuda()) return fits_gpu(logits.size(1), at::elementSize(at::kDouble));
#endif
  return logits.device().is_cpu();
}

// {Σ m ℓ, Σ m} of this rank → mean over all ranks.
at::Tensor global_mean_of(const at::Tensor& sums, const Communicator& comm, at::ScalarType dtype) {
  const at::Tensor all = comm.sum(sums), weight = all[1].detach();
  return (all[0] / at::where(weight > 0, weight, 1.0)).to(dtype);
}

// {Σ m ℓ, Σ m} of this rank, by the kernels.
at::Tensor fused_sums(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& table,
                      const at::Tensor& mask) {
  const bool is_kernel_type =
      logits.scalar_type() == at::kFloat || logits.scalar_type() == at::kDouble;
  at::Tensor z = is_kernel_type ? logits : logits.to(at::kFloat);
  // The GPU's kernel writes the gradient in the logits' own layout.
  if (!z.device().is_cpu() && !z.is_non_overlapping_and_dense()) z = z.contiguous();
  const auto maybe = [](const at::Tensor& t) {
    return t.defined() ? std::optional(t) : std::nullopt;
  };
  return FusedSums::apply(z, label, maybe(table), maybe(mask));
}

at::Tensor local_sums(const at::Tensor& logits, const at::Tensor& label, const at::Tensor& table,
                      const at::Tensor& mask) {
  check_arguments(logits, label, table, mask);
  return has_kernel(logits) ? fused_sums(logits, label, table, mask)
                            : cross_entropy_sums_composed(logits, label, table, mask);
}

}  // namespace

at::Tensor cross_entropy_with_offsets(const at::Tensor& logits, const at::Tensor& label,
                                      const at::Tensor& table, const at::Tensor& mask,
                                      const Communicator& comm) {
  return global_mean_of(local_sums(logits, label, table, mask), comm, logits.scalar_type());
}

at::Tensor cross_entropy_of_passes(const std::vector<LabelledLogits>& passes,
                                   const Communicator& comm) {
  SEMISEG_CHECK(!passes.empty(), "there is at least one pass");
  at::Tensor sums;
  for (const auto& [logits, label, table] : passes) {
    const at::Tensor more = local_sums(logits, label, table, /*mask=*/{});
    sums = sums.defined() ? sums + more : more;
  }
  return global_mean_of(sums, comm, passes.front().logits.scalar_type());
}

at::Tensor cross_entropy_with_offsets_composed(const at::Tensor& logits, const at::Tensor& label,
                                               const at::Tensor& table, const at::Tensor& mask,
                                               const Communicator& comm) {
  check_arguments(logits, label, table, mask);
  return global_mean_of(cross_entropy_sums_composed(logits, label, table, mask), comm,
                        logits.scalar_type());
}

}  // namespace semiseg
