// SPDX-License-Identifier: Apache-2.0
#include "cluster/shared_folder.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include "framework/core/log.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;

std::string local_file_system(const fs::path& folder) {
  fs::path there = fs::absolute(folder);
  while (!fs::exists(there) && there.has_relative_path()) there = there.parent_path();
  struct statfs about = {};
  if (::statfs(there.c_str(), &about) != 0) return "";
  constexpr long kXfs = 0x58465342, kZfs = 0x2fc12fc1;  // not in magic.h
  switch (about.f_type) {
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
      return "tmpfs";
    case EXT4_SUPER_MAGIC:
      return "ext4";
    case BTRFS_SUPER_MAGIC:
      return "btrfs";
    case OVERLAYFS_SUPER_MAGIC:
      return "overlay";
    case kXfs:
      return "xfs";
    case kZfs:
      return "zfs";
    default:
      return "";
  }
}

void warn_unless_shared(const fs::path& folder) {
  const std::string type = local_file_system(folder);
  if (type.empty()) return;
  log::warn(
      "{} lies on a disk of this machine ({}): other nodes do not see it unless they mount it; "
      "set run.root to a shared disk",
      folder.string(), type);
}

}  // namespace semiseg::cluster
