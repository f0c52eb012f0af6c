// SPDX-License-Identifier: Apache-2.0
// Finds the files of each case.
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

// Returns the cases in the order of the inputs, the content of a folder sorted by name. An input is
// an image file, a folder of image files and DICOM folders, at any depth, or a DICOM folder.
// `channels`: endings of stems that belong to one case ("_t1", "_t2"); of a single channel, names
// may lack it. `form` of the names ("{id}/imaging", see case_names.h); empty: any. Files of another
// form, or without an ending of a channel, are skipped with a note. Throws kConfig for a missing
// input, no input, two cases of one name, or a missing channel.
std::vector<CaseFiles> find_cases(const std::vector<std::filesystem::path>& inputs,
                                  const std::vector<std::string>& channels,
                                  const std::string& form = "");

// Gives each case the file of `folder` that has its id, by `form` as above. Labels of no case are
// named in a warning. Throws kConfig when the folder does not exist, holds two labels of one name,
// no label of any of the cases, or one that is the image itself.
void match_labels(std::vector<CaseFiles>& cases, const std::filesystem::path& folder,
                  const std::string& form = "");

}  // namespace semiseg
