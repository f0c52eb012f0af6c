// SPDX-License-Identifier: Apache-2.0
// Compares the computed tensors of a parity case with the expected ones.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "launch/parity/parity_case.h"

namespace semiseg {

// The choice of tolerances: `tolerance` or, for a run in float64, `tolerance_float64` where the
// case has one.
enum class Arithmetic { kFloat32, kFloat64 };

struct Tolerance {
  double rtol = 0, atol = 0;  // |got - expected| ≤ atol + rtol |expected|; both 0: equal
};

// The element of a tensor that is farthest from its tolerance.
struct Deviation {
  std::string tensor;  // "out.logits", of a digest "out.logits.sum"
  int64_t index = 0;   // flat
  double expected = 0, got = 0, allowed = 0;
  int64_t bad = 0, size = 0;  // elements beyond their tolerance, and all

  double distance() const;  // 0 where both are NaN or the same infinity
  double ratio() const;     // ratio to the tolerance; above 1 is wrong
};

class Comparison {
 public:
  // `parity` outlives it.
  explicit Comparison(const ParityCase& parity, Arithmetic arithmetic = Arithmetic::kFloat32)
      : parity_(parity), arithmetic_(arithmetic) {}

  // `got` is this tensor of the case, whole or a digest (.at and .index, .sum, .l2). Values that
  // are not finite must be so at the same places.
  void compare(const std::string& tensor, const at::Tensor& got);
  void compare(const std::string& tensor, double got);
  // Against a tolerance that is not the case's: a share of the largest expected element. Of a
  // digest that is the largest one computed, but for what the expected norm leaves room for.
  void compare_by_largest(const std::string& tensor, const at::Tensor& got, double share);
  // Requires a condition beyond the numbers of the case; `what` says what is wrong otherwise.
  void require(bool holds, const std::string& what);

  const std::optional<Deviation>& worst() const { return worst_; }
  const std::vector<std::string>& complaints() const { return complaints_; }
  // Expected tensors (out.…, grad.…) that nothing was compared with, and how many there are.
  std::vector<std::string> missing() const;
  size_t compared() const { return compared_.size(); }
  size_t bad_tensors() const { return bad_tensors_; }
  bool passes() const { return complaints_.empty() && bad_tensors_ == 0; }

 private:
  void compare_values(const std::string& tensor, const at::Tensor& expected, const at::Tensor& got,
                      const Tolerance& tolerance, const at::Tensor& indices = {});
  void compare_digest_by_largest(const std::string& tensor, const at::Tensor& got, double share);
  Tolerance tolerance_of(const std::string& tensor) const;
  bool has_shape(const std::string& tensor, const at::Tensor& got);

  const ParityCase& parity_;
  Arithmetic arithmetic_;
  std::set<std::string> compared_;
  std::optional<Deviation> worst_;
  std::vector<std::string> complaints_;
  size_t bad_tensors_ = 0;
};

}  // namespace semiseg
