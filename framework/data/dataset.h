// SPDX-License-Identifier: Apache-2.0
// The interface of a data set: cases with patients and splits, volumes for evaluation, samples for
// training. Cropping, augmentation, batching, ranks and the labelled fraction belong to other
// classes.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/core/plugins/registry.h"

namespace semiseg {

enum class Split { kTrain, kVal, kTest, kUnused };  // kUnused: a setting leaves the case out
const char* to_string(Split split);

struct CaseInfo {
  std::string id;       // unique in the data set, also a file stem
  std::string patient;  // splits and label budgets count patients
  std::string domain;   // scanner, vendor or site; empty when unknown
  Split split = Split::kTrain;
  int64_t cost = 0;  // of prediction, about the voxels (the size of the file will do); 0: unknown
  std::string task;  // the part of a collection that it is from; empty in a single data set
  bool has_label = true;  // there is ground truth, as far as is known without reading it
};

// One whole image in memory.
struct Volume {
  at::Tensor image;  // [C,D,H,W] float32
  // [D,H,W] uint8, classes and, where the data set has it, kIgnoreLabel; undefined when there is
  // none.
  at::Tensor label;
  std::array<double, 3> spacing_mm = {1, 1, 1};  // D, H, W
  bool has_spacing = false;  // false: spacing is unknown, distances are in voxels
  std::string task;          // CaseInfo::task
};

// One training sample: a slice of a case (2-D) or a case (3-D).
struct SampleInfo {
  size_t case_index = 0;  // into cases()
  int64_t slice = -1;     // axial index; -1: the whole volume
};

struct Sample {
  at::Tensor image;  // [C,H,W] or [C,D,H,W] float32
  at::Tensor label;  // [H,W] or [D,H,W] uint8; undefined when there is none
  // [F,H,W] or [F,D,H,W] float32, of another program (archive/case_features.h); undefined when
  // there are none.
  at::Tensor features = {};
};

struct DatasetInfo {
  std::string name;
  std::vector<std::string> classes;  // names, background first; label value = index
  bool has_ignore_label = false;     // voxels may be labelled kIgnoreLabel (core/ignore_label.h)
  int64_t channels = 1;
  int64_t axial_axis = 0;  // axis of the slices among the Volume's D, H, W
  bool label_based_preparation =
      false;                // preparation looked at labels (cropping to them): said in every table
  std::string preparation;  // in the form of framework/scans/preparation.h; empty:
                            // not known, so that new scans cannot be prepared alike
  std::vector<std::string> tasks = {""};  // CaseInfo::task of the parts of a collection, in order
};

class DatasetSource {
 public:
  virtual ~DatasetSource() = default;
  virtual const DatasetInfo& info() const = 0;
  // Returns the cases in published order: the first patients of the training split are the labelled
  // ones.
  virtual const std::vector<CaseInfo>& cases() const = 0;
  // Thread-safe. Throws kData with file, expected and got for anything wrong with the file.
  virtual Volume load(size_t case_index) const = 0;
  // Returns the samples of the training split, in published order: slices (2-D) or volumes (3-D).
  virtual std::vector<SampleInfo> training_samples(int spatial_dims) const = 0;
  // Thread-safe.
  virtual Sample load_sample(const SampleInfo& sample) const = 0;
};

// Returns the samples of the training cases, in order: whole volumes (3-D), or all slices (2-D);
// `slices` gives the number of slices of a case.
std::vector<SampleInfo> list_training_samples(const std::vector<CaseInfo>& cases, int spatial_dims,
                                              const std::function<int64_t(size_t)>& slices);

// Returns the distinct domains and tasks of the cases, in the order of their first appearance.
std::vector<std::string> domains_of(const std::vector<CaseInfo>& cases);
std::vector<std::string> tasks_of(const std::vector<CaseInfo>& cases);

struct DatasetEntry {
  static const char* kind() { return "data set"; }
  std::string name;     // the stem of the file
  std::string summary;  // one line, that of experiments/dataset/<name>.toml
  // Reads every option that `make` will read and nothing else, without opening a file.
  std::function<void(const Config& options)> read_options = [](const Config&) {};
  // Reads its options from the section; may create a cached data set on disk (phantom).
  std::function<std::unique_ptr<DatasetSource>(const Config& options)> make;
};
using DatasetRegistry = Registry<DatasetEntry>;

}  // namespace semiseg
