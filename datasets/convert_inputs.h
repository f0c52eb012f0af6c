// SPDX-License-Identifier: Apache-2.0
// Which files make up which case.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace semiseg {

struct CaseFiles {
  std::string id;                             // the stem of its file or folder
  std::vector<std::filesystem::path> images;  // one, or one for each channel
  std::filesystem::path label;                // empty: none
};

// In order of the inputs, the content of a folder sorted by name. An input is an image file, a
// folder of image files and DICOM folders, at any depth, or a DICOM folder. `channels`: endings of
// stems that belong to one case ("_t1", "_t2"); files without any of them are left out. kConfig for
// an input that is not there, none at all, two cases of one name, or a missing channel.
std::vector<CaseFiles> find_cases(const std::vector<std::filesystem::path>& inputs,
                                  const std::vector<std::string>& channels);

// Gives each case the file of `folder` whose stem is its id. kConfig when the folder is not there,
// holds two labels of one stem, or a label of none of the cases.
void match_labels(std::vector<CaseFiles>& cases, const std::filesystem::path& folder);

}  // namespace semiseg
