// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/target.h"

#include <stdlib.h>

#include <fstream>
#include <stdexcept>

namespace semiseg::fuzz {
namespace fs = std::filesystem;
namespace {

// Made with the first file, removed at the end of the process.
struct Folder {
  Folder() {
    std::string pattern = fs::temp_directory_path() / "semiseg.fuzz.XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path path;
};

}  // namespace

std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

bool add(Target target) {
  targets().push_back(std::move(target));
  return true;
}

fs::path file(const std::string& name, const std::string& bytes) {
  static const Folder folder;
  const fs::path path = folder.path / name;
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
  return path;
}

}  // namespace semiseg::fuzz
