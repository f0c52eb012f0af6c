// SPDX-License-Identifier: Apache-2.0
#include "framework/data/archive/case_checks.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "framework/core/error.h"
#include "framework/core/ignore_label.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

std::string shape(const at::Tensor& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.sizes(), ","));
}

[[noreturn]] void fail(const fs::path& file, std::string what, std::string expected,
                       std::string got) {
  throw Error(ErrorKind::kData, {.what = std::move(what),
                                 .where = file.string(),
                                 .expected = std::move(expected),
                                 .got = std::move(got)});
}

void check_finite(const at::Tensor& image, const fs::path& file) {
  const at::Tensor bad = at::isfinite(image).logical_not();
  if (!bad.any().item<bool>()) return;
  const at::Tensor first = bad.nonzero()[0];
  std::vector<int64_t> index(first.data_ptr<int64_t>(), first.data_ptr<int64_t>() + first.numel());
  at::Tensor value = image;
  for (const int64_t i : index) value = value[i];
  fail(file, "an image value is not finite", "finite numbers",
       fmt::format("{} at [{}], {} such values", value.item<float>(), fmt::join(index, ","),
                   bad.sum().item<int64_t>()));
}

// Makes the checks that volumes (axes = 4) and slices (axes = 3) share.
void check_pair(const at::Tensor& image, const at::Tensor& label, int64_t axes,
                const DatasetInfo& info, const fs::path& file) {
  if (image.dim() != axes || image.size(0) != info.channels || image.numel() == 0) {
    fail(file, "an image has the wrong shape",
         fmt::format("{} channel(s) and {} axes", info.channels, axes - 1), shape(image));
  }
  check_finite(image, file);
  if (!label.defined()) return;
  if (image.sizes().slice(1) != label.sizes()) {
    fail(file, "image and label differ in shape",
         fmt::format("label [{}]", fmt::join(image.sizes().slice(1), ",")), shape(label));
  }
  to_label(label, info, file);
}

}  // namespace

void check_cases(const std::vector<CaseInfo>& cases, const fs::path& where) {
  std::map<std::string, const CaseInfo*> by_id, by_patient;
  for (const CaseInfo& one : cases) {
    const auto [seen, is_new] = by_id.emplace(one.id, &one);
    if (!is_new) {
      fail(where, fmt::format("case '{}' is listed twice", one.id), "every case once, in one split",
           fmt::format("in {} and in {}", to_string(seen->second->split), to_string(one.split)));
    }
    const CaseInfo& other = *by_patient.emplace(one.patient, &one).first->second;
    if (other.split != one.split) {
      fail(where, fmt::format("patient '{}' is in two splits", one.patient),
           "all cases of a patient in one split",
           fmt::format("{} in {}, {} in {}", other.id, to_string(other.split), one.id,
                       to_string(one.split)));
    }
  }
}

void check_volume(const Volume& volume, const DatasetInfo& info, const fs::path& file) {
  check_pair(volume.image, volume.label, 4, info, file);
  const float low = volume.image.min().item<float>();
  if (low == volume.image.max().item<float>()) {
    fail(file, "the image is constant", "a scan", fmt::format("{} everywhere", low));
  }
  for (const double side : volume.spacing_mm) {
    if (!(side > 0) || !std::isfinite(side)) {
      fail(file, "the spacing is not positive", "millimetres above 0",
           fmt::format("[{}]", fmt::join(volume.spacing_mm, ",")));
    }
  }
}

void check_sample(const Sample& sample, const DatasetInfo& info, const fs::path& file) {
  check_pair(sample.image, sample.label, 3, info, file);
}

at::Tensor to_label(const at::Tensor& values, const DatasetInfo& info, const fs::path& file) {
  const int64_t classes = std::ssize(info.classes);
  const at::Tensor whole = at::isFloatingType(values.scalar_type()) ? values.round() : values;
  // In int64: 256 classes do not fit the type of uint8 values.
  const at::Tensor number = whole.to(at::kLong);
  at::Tensor bad = (number < 0).logical_or(number >= classes).logical_or(values != whole);
  if (info.has_ignore_label) bad = bad.logical_and(number != kIgnoreLabel);
  if (bad.any().item<bool>()) {
    const double value = values.masked_select(bad)[0].item<double>();
    fail(
        file, "a label value is not a class",
        fmt::format("0 to {}{}", classes - 1, info.has_ignore_label ? ", or the ignore label" : ""),
        fmt::format("{} ({} such voxels)", value, bad.sum().item<int64_t>()));
  }
  return values.to(at::kByte);
}

}  // namespace semiseg
