// SPDX-License-Identifier: Apache-2.0
// Lists of names beside a data set, one a line, as the references ship them. Errors are kData with
// file and line.
#pragma once

#include <filesystem>
#include <regex>
#include <string>
#include <vector>

namespace semiseg {

struct ListLine {
  std::string name;
  std::string where;  // file:line
};

// Returns the path of the list `file` in `root` or in the folder above it; `data_set` and `fix` are
// for the message.
std::filesystem::path find_case_list(const std::filesystem::path& root, const std::string& file,
                                     const std::string& data_set, const std::string& fix);

// Returns the names in the order of the file, without ".h5" and empty lines. Each must match `form`
// (`example` does) and occur once; damaged and cut lines do not.
std::vector<ListLine> read_case_list(const std::filesystem::path& path, const std::regex& form,
                                     const std::string& example);

}  // namespace semiseg
