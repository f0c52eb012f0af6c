// SPDX-License-Identifier: Apache-2.0
// Names of cases from the paths of their files: by the form that the user gives, by their stems, or
// by the folders in which data sets put files of one name.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace semiseg {

// A file or DICOM folder and the input below which it was found.
struct FoundScan {
  std::filesystem::path path, root;

  // Returns the path below the root without its ending: "case_00000/imaging".
  std::filesystem::path name() const;
};

// "{id}_seg", "volume-{id}", "{id}/imaging": returns the id of a name of this form, which may have
// more folders in front; nullopt for another name. Throws kConfig when the form does not hold {id}
// once.
std::optional<std::string> id_by_form(const FoundScan& scan, const std::string& form);

// Returns the ids of all scans: their stems, or, where some stems are equal and all files lie
// equally deep, the parts of their names in which they differ: "case_00000/imaging" is case_00000.
std::vector<std::string> ids_of(const std::vector<FoundScan>& scans);

}  // namespace semiseg
