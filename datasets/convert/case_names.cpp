// SPDX-License-Identifier: Apache-2.0
#include "datasets/convert/case_names.h"

#include <algorithm>
#include <set>

#include "framework/core/error.h"
#include "framework/scans/image_file.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kId = "{id}";

using Parts = std::vector<std::string>;

Parts parts_of(const fs::path& name) {
  Parts parts;
  for (const fs::path& part : name) parts.push_back(part);
  return parts;
}

bool all_differ(const Parts& ids) {
  return std::set<std::string>(ids.begin(), ids.end()).size() == ids.size();
}

}  // namespace

fs::path FoundScan::name() const {
  const fs::path below = path == root ? path.filename() : path.lexically_relative(root);
  return below.parent_path() / image_stem(path);
}

std::optional<std::string> id_by_form(const FoundScan& scan, const std::string& form) {
  const size_t at = form.find(kId);
  if (at == form.npos || form.find(kId, at + 1) != form.npos) {
    throw Error(ErrorKind::kConfig, {.what = "a form of names does not say where the id stands",
                                     .where = "--image-names, --label-names",
                                     .expected = "{id} once: '{id}_seg', '{id}/imaging'",
                                     .got = form});
  }
  const Parts parts = parts_of(scan.name());
  const auto depth = static_cast<size_t>(std::count(form.begin(), form.end(), '/')) + 1;
  if (parts.size() < depth) return std::nullopt;
  std::string name;
  for (size_t i = parts.size() - depth; i < parts.size(); ++i) {
    name += (name.empty() ? "" : "/") + parts[i];
  }
  const std::string before = form.substr(0, at), after = form.substr(at + kId.size());
  if (name.size() <= before.size() + after.size() || !name.starts_with(before) ||
      !name.ends_with(after)) {
    return std::nullopt;
  }
  std::string id = name.substr(before.size(), name.size() - before.size() - after.size());
  return id.find('/') == id.npos ? std::optional(id) : std::nullopt;
}

std::vector<std::string> ids_of(const std::vector<FoundScan>& scans) {
  Parts stems;
  std::vector<Parts> names;
  for (const FoundScan& scan : scans) {
    names.push_back(parts_of(scan.name()));
    stems.push_back(names.back().back());
  }
  const bool is_regular = std::all_of(names.begin(), names.end(), [&](const Parts& one) {
    return one.size() == names.front().size();
  });
  if (all_differ(stems) || !is_regular) return stems;
  Parts ids(scans.size());
  for (size_t part = 0; part < names.front().size(); ++part) {
    const bool differs = std::any_of(names.begin(), names.end(), [&](const Parts& one) {
      return one[part] != names.front()[part];
    });
    for (size_t i = 0; differs && i < ids.size(); ++i) {
      ids[i] += (ids[i].empty() ? "" : "_") + names[i][part];
    }
  }
  return all_differ(ids) ? ids : stems;
}

}  // namespace semiseg
