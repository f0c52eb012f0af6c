// SPDX-License-Identifier: Apache-2.0
#include "framework/run/data_identity.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

#include "framework/comm/broadcast.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/data/archive/case_store.h"
#include "framework/files/csv.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFile = "data.csv";  // on disk, as its columns: do not rename
constexpr size_t kSamples = 8;
constexpr size_t kShown = 3;

using Rows = std::map<std::string, CsvRow>;  // by case

// Returns hashes of a few samples, by case: reading all voxels would cost as much as an epoch.
std::map<size_t, std::string> sampled_hashes(const DatasetSource& source, int axes) {
  std::map<size_t, std::string> hashes;
  const auto samples = source.training_samples(axes);
  const size_t stride = std::max<size_t>(1, samples.size() / kSamples);
  for (size_t i = 0; i < samples.size(); i += stride) {
    const Sample sample = source.load_sample(samples[i]);
    hashes[samples[i].case_index] += voxel_hash({.image = sample.image, .label = sample.label});
  }
  return hashes;
}

std::map<size_t, std::string> hashes_of(const DatasetSource& source, int axes) {
  const auto* store = dynamic_cast<const StoreSource*>(&source);
  if (!store) return sampled_hashes(source, axes);
  std::map<size_t, std::string> hashes;
  for (size_t i = 0; i < store->cases().size(); ++i) hashes[i] = store->recorded_hash(i);
  return hashes;
}

Rows rows_of(const std::string& identity, const std::string& origin) {
  Rows rows;
  const CsvTable table = parse_csv(identity, origin);
  for (size_t i = 1; i < table.rows.size(); ++i) {
    if (table.rows[i].size() == 5) rows[table.rows[i][0]] = table.rows[i];
  }
  return rows;
}

// Returns, for example, "a is val there and train here".
std::string difference(const CsvRow& there, const CsvRow& here) {
  if (there[3] != here[3])
    return fmt::format("{} is {} there and {} here", here[0], there[3], here[3]);
  if (there[4] != here[4]) return here[0] + " has other voxels";
  return here[0] + " is of another patient or centre";
}

std::string differences(const Rows& there, const Rows& here) {
  std::vector<std::string> found;
  for (const auto& [id, row] : here) {
    const auto other = there.find(id);
    if (other == there.end()) found.push_back(id + " is new");
    if (other != there.end() && other->second != row)
      found.push_back(difference(other->second, row));
  }
  for (const auto& [id, row] : there) {
    if (!here.contains(id)) found.push_back(id + " is missing");
  }
  if (found.empty()) return "";
  const size_t all = found.size();
  found.resize(std::min(all, kShown));
  return fmt::format("{} of {} cases differ: {}{}", all, std::max(there.size(), here.size()),
                     fmt::join(found, "; "), all > kShown ? "; …" : "");
}

}  // namespace

std::string data_identity(const RunOptions& options, const RunData& data) {
  const auto axes = static_cast<int>(options.protocol.patch_size.size());
  const auto hashes = hashes_of(*data.source, axes);
  CsvTable table;
  table.rows = {{"case", "patient", "centre", "split", "hash"}};
  const auto& cases = data.source->cases();
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto hash = hashes.find(i);
    table.rows.push_back({cases[i].id, cases[i].patient, cases[i].domain, to_string(cases[i].split),
                          hash == hashes.end() ? "" : hash->second});
  }
  return to_csv(table);
}

void check_same_data(const std::string& identity, World& world) {
  const std::string first = broadcast_text(identity, world.comm());
  world.agree([&] {
    if (identity == first) return;
    throw Error(ErrorKind::kConfig,
                {.what = "the ranks see different data",
                 .where = fmt::format("rank {}", world.comm().rank()),
                 .expected = "the cases that rank 0 sees",
                 .got = differences(rows_of(first, "rank 0"), rows_of(identity, "this rank")),
                 .fix = "put the same data in the same place on all machines"});
  });
}

std::string changed_data(const fs::path& run, const std::string& identity) {
  if (!fs::exists(run / kFile)) return "";
  const std::string there = read_own_file(run / kFile);
  if (there == identity) return "";
  return differences(rows_of(there, (run / kFile).string()), rows_of(identity, "the data set"));
}

void check_data(const fs::path& run, const std::string& identity) {
  const std::string changed = changed_data(run, identity);
  if (changed.empty()) return;
  throw Error(ErrorKind::kData,
              {.what = "the data set is not the one that this run was started with",
               .where = run.string(),
               .expected = fmt::format("the cases in {}", kFile),
               .got = changed,
               .fix = "bring the data back, or begin another run with another run.dir"});
}

void keep_data_identity(const fs::path& run, const std::string& identity) {
  if (!fs::exists(run / kFile)) write_file(run / kFile, identity);
}

}  // namespace semiseg
