// SPDX-License-Identifier: Apache-2.0
#include "framework/data/archive/volume_source.h"

#include <ATen/TensorOperators.h>

#include "framework/core/error.h"
#include "framework/data/archive/case_checks.h"

namespace semiseg {

Volume VolumeSource::load(size_t case_index) const {
  Volume volume = read(case_index);
  if (volume.image.dim() == 4 && volume.image.numel() > 0)
    volume.image = normalise(volume.image, intensity_);
  check_volume(volume, info_, image_file(case_index));
  return volume;
}

std::vector<SampleInfo> VolumeSource::training_samples(int spatial_dims) const {
  return list_training_samples(cases_, spatial_dims, [this](size_t i) {
    const std::vector<int64_t> size = sizes(i);
    if (size.size() == 3) return size[static_cast<size_t>(info_.axial_axis)];
    throw Error(ErrorKind::kData, {.what = "a volume does not have three axes",
                                   .where = image_file(i).string(),
                                   .expected = "3",
                                   .got = std::to_string(size.size())});
  });
}

Sample VolumeSource::load_sample(const SampleInfo& sample) const {
  const Volume volume = load(sample.case_index);
  if (sample.slice < 0) return {volume.image, volume.label};
  Sample slice{.image = volume.image.select(1 + info_.axial_axis, sample.slice).contiguous(),
               .label = {}};
  if (volume.label.defined())
    slice.label = volume.label.select(info_.axial_axis, sample.slice).contiguous();
  return slice;
}

}  // namespace semiseg
