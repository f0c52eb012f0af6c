// SPDX-License-Identifier: Apache-2.0
#include "launch/parity/comparison.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace semiseg {
namespace {

at::Tensor flat_double(const at::Tensor& tensor) {
  return tensor.detach().to(at::kCPU, at::kDouble).contiguous().flatten();
}

std::string text_of(at::IntArrayRef sizes) {
  return fmt::format("[{}]", fmt::join(sizes.begin(), sizes.end(), ", "));
}

// "out.logits" of "out.logits.at" where out.logits is a digest.
std::string whole_of(const ParityCase& parity, const std::string& tensor) {
  const std::string stem = tensor.substr(0, tensor.rfind('.'));
  return parity.stored.contains(stem + ".index") ? stem : tensor;
}

}  // namespace

double Deviation::distance() const {
  if (std::isfinite(expected) && std::isfinite(got)) return std::abs(got - expected);
  const bool same = (std::isnan(expected) && std::isnan(got)) || expected == got;
  return same ? 0 : std::numeric_limits<double>::infinity();
}

double Deviation::ratio() const {
  const double far = distance();
  if (!std::isfinite(far)) return far;
  if (far == 0) return 0;
  return allowed > 0 ? far / allowed : std::numeric_limits<double>::infinity();
}

Tolerance Comparison::tolerance_of(const std::string& tensor) const {
  const bool is_double =
      arithmetic_ == Arithmetic::kFloat64 && parity_.metadata.contains("tolerance_float64");
  const auto& table = parity_.metadata.at(is_double ? "tolerance_float64" : "tolerance");
  const auto& entry = table.contains(tensor) ? table.at(tensor) : table.at("default");
  return {entry.at("rtol").get<double>(), entry.at("atol").get<double>()};
}

// A single number may come with or without axes.
bool Comparison::has_shape(const std::string& tensor, const at::Tensor& got) {
  compared_.insert(tensor);
  if (!got.defined()) {
    require(false, tensor + " is not computed");
    return false;
  }
  std::vector<int64_t> sizes;
  if (parity_.has(tensor + ".index")) {
    sizes = parity_.metadata.at("digest").at(tensor).get<std::vector<int64_t>>();
  } else {
    const at::Tensor expected = parity_.tensor(tensor);
    if (expected.numel() == 1 && got.numel() == 1) return true;
    sizes = expected.sizes().vec();
  }
  const bool same = got.sizes() == at::IntArrayRef(sizes);
  require(same, fmt::format("{} has another shape: expected {}, got {}", tensor, text_of(sizes),
                            text_of(got.sizes())));
  return same;
}

void Comparison::compare_values(const std::string& tensor, const at::Tensor& expected,
                                const at::Tensor& got, const Tolerance& tolerance,
                                const at::Tensor& indices) {
  const at::Tensor e = flat_double(expected), g = flat_double(got);
  const double *want = e.const_data_ptr<double>(), *have = g.const_data_ptr<double>();
  Deviation worst;
  int64_t bad = 0;
  for (int64_t i = 0; i < e.numel(); ++i) {
    const Deviation here{.index = i,
                         .expected = want[i],
                         .got = have[i],
                         .allowed = tolerance.atol + tolerance.rtol * std::abs(want[i])};
    bad += here.ratio() > 1;
    if (i == 0 || here.ratio() > worst.ratio()) worst = here;
  }
  if (e.numel() == 0) return;
  worst.tensor = tensor;
  worst.bad = bad;
  worst.size = e.numel();
  if (indices.defined()) worst.index = indices[worst.index].item<int64_t>();
  bad_tensors_ += bad > 0;
  if (!worst_ || worst.ratio() > worst_->ratio()) worst_ = worst;
}

void Comparison::compare(const std::string& tensor, const at::Tensor& got) {
  if (!has_shape(tensor, got)) return;
  if (!parity_.has(tensor + ".index"))
    return compare_values(tensor, parity_.tensor(tensor), got, tolerance_of(tensor));
  const at::Tensor values = flat_double(got), indices = parity_.tensor(tensor + ".index");
  compare_values(tensor, parity_.tensor(tensor + ".at"), values.index_select(0, indices),
                 tolerance_of(tensor), indices);
  for (const auto& [name, value] :
       {std::pair{tensor + ".sum", values.sum()}, std::pair{tensor + ".l2", values.norm()}})
    compare_values(name, parity_.tensor(name), value, tolerance_of(name));
}

void Comparison::compare(const std::string& tensor, double got) {
  compare(tensor, at::full({1}, got, at::kDouble));
}

void Comparison::compare_by_largest(const std::string& tensor, const at::Tensor& got,
                                    double share) {
  if (!has_shape(tensor, got)) return;
  if (parity_.has(tensor + ".index")) return compare_digest_by_largest(tensor, got, share);
  const at::Tensor expected = parity_.tensor(tensor);
  if (expected.numel() == 0) return;
  const double largest = expected.abs().max().item<double>();
  compare_values(tensor + " in float32", expected, got,
                 {.atol = share * (largest > 0 ? largest : 1)});
}

void Comparison::compare_digest_by_largest(const std::string& tensor, const at::Tensor& got,
                                           double share) {
  const at::Tensor values = flat_double(got), indices = parity_.tensor(tensor + ".index");
  const double norm = parity_.tensor(tensor + ".l2").item<double>(),
               largest = std::min(values.abs().max().item<double>(), norm),
               each = share * (largest > 0 ? largest : 1);
  const auto count = static_cast<double>(values.numel());
  const std::string name = tensor + " in float32";
  compare_values(name, parity_.tensor(tensor + ".at"), values.index_select(0, indices),
                 {.atol = each}, indices);
  compare_values(name + ", sum", parity_.tensor(tensor + ".sum"), values.sum(),
                 {.atol = each * count});
  compare_values(name + ", norm", parity_.tensor(tensor + ".l2"), values.norm(),
                 {.atol = each * std::sqrt(count)});
}

void Comparison::require(bool holds, const std::string& what) {
  if (!holds) complaints_.push_back(what);
}

std::vector<std::string> Comparison::missing() const {
  std::set<std::string> names;
  for (const char* prefix : {"out.", "grad."}) {
    for (const auto& name : parity_.names(prefix)) {
      const std::string whole = whole_of(parity_, name);
      if (!compared_.contains(whole)) names.insert(whole);
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace semiseg
