// SPDX-License-Identifier: Apache-2.0
#include "datasets/made_store.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstdlib>

#include "framework/core/error.h"
#include "framework/core/log.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// Returns a temporary folder of this user alone: in a shared one another user could put data first.
fs::path private_temporary() {
  const fs::path folder =
      fs::temp_directory_path() / fmt::format("semiseg-{}", static_cast<int64_t>(::geteuid()));
  ::mkdir(folder.c_str(), 0700);
  struct stat found = {};
  const bool is_mine = ::lstat(folder.c_str(), &found) == 0 && S_ISDIR(found.st_mode) &&
                       found.st_uid == ::geteuid() && (found.st_mode & 0022) == 0;
  if (is_mine) return folder;
  throw Error(ErrorKind::kIo, {.what = "the cache for generated data is not a folder of yours",
                               .where = folder.string(),
                               .expected = "a folder that only you may write to",
                               .fix = "set SEMISEG_CACHE or HOME"});
}

fs::path cache_root(const std::string& root) {
  if (!root.empty()) return root;
  if (const char* cache = std::getenv("SEMISEG_CACHE"); cache && *cache) return cache;
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) {
    return fs::path(cache) / "semiseg";
  }
  if (const char* home = std::getenv("HOME"); home && *home) {
    return fs::path(home) / ".cache" / "semiseg";
  }
  return private_temporary();
}

// Locks an unfinished folder; the kernel releases the lock when the process dies.
class Held {
 public:
  explicit Held(const fs::path& folder)
      : file_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
        is_alone_(file_ >= 0 && ::flock(file_, LOCK_EX | LOCK_NB) == 0) {}
  ~Held() {
    if (file_ >= 0) ::close(file_);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  bool is_alone() const { return is_alone_; }

 private:
  int file_;
  bool is_alone_;
};

// Removes the unfinished folders of processes that died.
void remove_leftovers(const fs::path& target) {
  std::error_code ignored;
  const std::string prefix = target.filename().string() + ".tmp";
  for (const auto& entry : fs::directory_iterator(target.parent_path(), ignored)) {
    if (!entry.path().filename().string().starts_with(prefix) || entry.is_symlink(ignored))
      continue;
    if (const Held held(entry.path()); held.is_alone()) fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace

void read_root(const Config& config, std::string& root) {
  config.read("root", root,
              "Folder that the generated data are kept in; empty: $SEMISEG_CACHE or the cache "
              "folder of the user. Set it to a disk that all nodes see.",
              Effect::kNone);
}

fs::path made_store(const std::string& root, const std::string& name, const std::string& recipe,
                    const std::function<void(const fs::path&)>& make) {
  const fs::path parent = cache_root(root);
  const fs::path target =
      parent / fmt::format("{}-{:016x}", name, XXH3_64bits(recipe.data(), recipe.size()));
  if (fs::exists(target / "index.csv")) return target;
  const auto fail = [&](const std::string& reason) {
    throw Error(ErrorKind::kIo,
                {.what = "cannot make the " + name + " data",
                 .where = target.string(),
                 .got = reason,
                 .fix = "set dataset.root or SEMISEG_CACHE to a folder with space"});
  };
  std::error_code code;
  fs::create_directories(parent, code);
  if (code) fail(code.message());
  std::string temporary = target.string() + ".tmpXXXXXX";
  remove_leftovers(target);
  if (!::mkdtemp(temporary.data())) fail(std::error_code(errno, std::generic_category()).message());
  const Held held(temporary);
  log::info("making the {} data, once, in {}", name, target.string());
  try {
    make(temporary);
  } catch (...) {
    fs::remove_all(temporary, code);
    throw;
  }
  fs::permissions(temporary, fs::perms(0755),
                  code);  // mkdtemp's is for its owner alone; caches are shared
  fs::rename(temporary, target, code);
  if (code) {
    const std::string reason = code.message();
    fs::remove_all(temporary, code);
    if (!fs::exists(target / "index.csv")) fail(reason);
  }
  return target;
}

at::Tensor normalised(const at::Tensor& image) {
  const at::Tensor low = image.min(), high = image.max();
  return (image - low).div(high - low);
}

}  // namespace semiseg
