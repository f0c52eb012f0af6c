// SPDX-License-Identifier: Apache-2.0
// Lists of names beside a data set, one a line, as the references ship them. All errors are kData
// with file and line.
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

// The list `file` in `root` or in the folder above it; `data_set` and `fix` are for the message.
std::filesystem::path find_case_list(const std::filesystem::path& root, const std::string& file,
                                     const std::string& data_set, const std::string& fix);

// Names in the order of the file, without ".h5" and empty lines. Each matches `form`, of which
// `example` is one, and is there once: damaged and cut lines look like that.
std::vector<ListLine> read_case_list(const std::filesystem::path& path, const std::regex& form,
                                     const std::string& example);

}  // namespace semiseg
