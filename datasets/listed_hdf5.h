// SPDX-License-Identifier: Apache-2.0
// The common base of data sets of volumes as one HDF5 file each, image and label with axes x, y, z,
// whose splits are lists:
//   train.list, test.list   in <root> or the folder above it, one name a line; val.list where made
// The published order is that of train.list. Published runs have no validation split: they deploy
// the last weights or select on the test split (protocol.select). `validation` takes one from the
// end of train.list, where scans are unlabelled in those runs: the labelled ones stay, the pool of
// unlabelled ones shrinks.
#pragma once

#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "framework/data/archive/volume_source.h"

namespace semiseg {

// The lists of a data set.
struct ScanLists {
  std::filesystem::path root;
  std::string data_set, fix;  // for messages: its name, and how to get the lists
  std::regex form;            // of a line; its first group is the id of the scan
  std::string example;        // a line
  int64_t validation = 0;     // scans from the end of train.list that validate
};

// Reads the option `validation`.
int64_t read_validation(const Config& section);

class ListedHdf5 : public VolumeSource {
 protected:
  // Adds the cases of the lists, each a patient. Throws kData with the line of a scan whose file is
  // missing and for a list that is missing or names a scan in two splits, kConfig for a validation
  // split that cannot be made.
  void add_listed(const ScanLists& lists);

 private:
  std::vector<int64_t> sizes(size_t case_index) const override;
  Volume read(size_t case_index) const override;
  // Returns the spacing x, y, z in millimetres; empty where it is unknown.
  virtual std::vector<double> spacing() const = 0;

  void read_list(const ScanLists& lists, const std::filesystem::path& list, Split split);
  void validate_on_last(int64_t count);
};

}  // namespace semiseg
