// SPDX-License-Identifier: Apache-2.0
#include "cluster/check/request_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>

#include "cluster/shared_folder.h"
#include "framework/config/literal.h"
#include "framework/core/error.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

constexpr double kKibi = 1024;

}  // namespace

ResourceRequest ResourceRequest::of(const Resources& resources) {
  ResourceRequest r{.ranks = resources.tasks(),
                    .ranks_per_node = resources.tasks_per_node,
                    .has_gpu = resources.gpus_per_task > 0 || resources.gres.starts_with("gpu")};
  // Slurm takes 0 for the whole memory of a node.
  if (!resources.mem.empty() && resources.mem != "0") r.node_bytes = memory_bytes(resources.mem);
  return r;
}

double memory_bytes(const std::string& text) {
  constexpr std::string_view kUnits = "KMGT";
  const bool has_unit = !text.empty() && std::isalpha(static_cast<unsigned char>(text.back()));
  const size_t unit =
      has_unit
          ? kUnits.find(static_cast<char>(std::toupper(static_cast<unsigned char>(text.back()))))
          : 1;
  const auto value = parse_literal(text.substr(0, text.size() - (has_unit ? 1 : 0)));
  const auto* whole = value ? std::get_if<int64_t>(&value->data) : nullptr;
  if (whole == nullptr || *whole < 0 || unit == std::string_view::npos) {
    throw Error(ErrorKind::kConfig, {.what = "this is no amount of memory",
                                     .where = "cluster.mem",
                                     .expected = "a number with K, M, G or T: 32G",
                                     .got = text});
  }
  double bytes = static_cast<double>(*whole) * kKibi;
  for (size_t i = 0; i < unit; ++i) bytes *= kKibi;
  return bytes;
}

double available_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string key; file >> key;) {
    double kibibytes = 0;
    if (key == "MemAvailable:" && file >> kibibytes) return kibibytes * kKibi;
    file.ignore(1000, '\n');
  }
  return 0;
}

std::string bytes_text(double bytes) {
  const double mebibytes = bytes / kKibi / kKibi;
  return mebibytes < kKibi ? fmt::format("{:.0f} MiB", mebibytes)
                           : fmt::format("{:.1f} GiB", mebibytes / kKibi);
}

std::string node_local(const fs::path& folder) {
  const fs::path whole = fs::absolute(folder).lexically_normal();
  for (const char* place : {"/tmp", "/var/tmp", "/dev/shm", "/run"}) {
    const fs::path there = place;
    if (std::mismatch(there.begin(), there.end(), whole.begin(), whole.end()).first == there.end())
      return place;
  }
  const std::string type = local_file_system(whole);
  return type == "tmpfs" || type == "overlay" ? type : "";
}

}  // namespace semiseg::cluster
