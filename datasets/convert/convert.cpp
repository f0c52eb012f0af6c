// SPDX-License-Identifier: Apache-2.0
#include "datasets/convert/convert.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>

#include "framework/core/error.h"
#include "framework/core/ignore_label.h"
#include "framework/data/archive/case_checks.h"
#include "framework/data/archive/case_split.h"
#include "framework/data/archive/case_store.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(ErrorKind kind, std::string what, const fs::path& where,
                       std::string expected, std::string got, std::string fix = "") {
  throw Error(
      kind, {std::move(what), where.string(), std::move(expected), std::move(got), std::move(fix)});
}

StoredCase make_case(const CaseFiles& files, const CaseInfo& info, const ConvertRequest& request) {
  const ReadOptions reading = request.preparation.reading();
  const Scan scan = read_channels(files.images, reading, request.preparation.grid_tolerance);
  LabelMap label;
  if (!files.label.empty()) label = read_label_map(files.label, reading);
  const PreparedCase made =
      prepare(scan, files.label.empty() ? nullptr : &label, request.preparation,
              files.label.empty() ? files.images.front() : files.label);
  StoredCase stored{
      .info = info, .affine = made.geometry.affine, .preparation = request.preparation.text()};
  stored.volume = {.image = made.image,
                   .label = made.label,
                   .spacing_mm = made.geometry.spacing_mm,
                   .has_spacing = true};
  const bool has_ignore_label = request.preparation.ignore_label.has_value();
  const DatasetInfo any{.classes = std::vector<std::string>(has_ignore_label ? 255 : 256),
                        .has_ignore_label = has_ignore_label,
                        .channels = made.image.size(0)};
  check_volume(stored.volume, any, files.images.front());
  return stored;
}

void describe(const StoredCase& stored, bool has_ignore_label, ConvertedCase& result) {
  const at::Tensor& image = stored.volume.image;
  result.info = stored.info;
  result.listed = true;
  result.channels = image.size(0);
  std::copy_n(image.sizes().begin() + 1, 3, result.size.begin());
  result.spacing_mm = stored.volume.spacing_mm;
  result.low = image.min().item<double>();
  result.high = image.max().item<double>();
  if (stored.affine) {
    result.orientation = orientation_letters(
        {.size = result.size, .spacing_mm = result.spacing_mm, .affine = *stored.affine});
  }
  if (!stored.volume.label.defined()) return;
  const at::Tensor counts = at::bincount(stored.volume.label.flatten(), {}, 256);
  for (int64_t value = 0; value < (has_ignore_label ? kIgnoreLabel : 256); ++value) {
    if (counts[value].item<int64_t>() > 0) result.classes.push_back(value);
  }
}

fs::path file_of(const std::string& id, const ConvertRequest& request) {
  return request.folder / (id + ".h5");
}

// A label that was added or removed since then concerns its case alone, which stays as it is.
void check_same_label(const StoredCase& kept, const CaseFiles& files, const fs::path& path) {
  const bool has_label = !files.label.empty();
  if (kept.volume.label.defined() == has_label) return;
  fail(ErrorKind::kData,
       has_label ? "the case was converted without a label, and now there is one"
                 : "the case was converted with a label, and now there is none",
       path, has_label ? "no label" : "a label", has_label ? files.label.string() : "none",
       "remove this file and convert again, or convert into another folder");
}

ConvertedCase convert_case(const CaseFiles& files, const CaseInfo& info,
                           const ConvertRequest& request) {
  const fs::path path = file_of(info.id, request);
  ConvertedCase result{.info = info, .kept = fs::exists(path)};
  try {
    const StoredCase stored = result.kept ? read_case(path) : make_case(files, info, request);
    if (!result.kept) write_case(request.folder, stored);
    describe(stored, request.preparation.ignore_label.has_value(), result);
    if (result.kept) check_same_label(stored, files, path);
  } catch (const Error& error) {
    // A full disk concerns all cases.
    if (error.kind() != ErrorKind::kData) throw;
    result.error = error.what();
  }
  return result;
}

// Without names: as many classes as the labels have values, which must be without gaps.
std::vector<std::string> class_names(const ConvertRequest& request,
                                     const std::vector<ConvertedCase>& cases) {
  std::set<int64_t> values = {0};  // a crop to labels may hold no background
  for (const ConvertedCase& one : cases) values.insert(one.classes.begin(), one.classes.end());
  const int64_t needed = *values.rbegin() + 1;
  if (!request.classes.empty()) {
    if (std::ssize(request.classes) >= std::max<int64_t>(needed, 2)) return request.classes;
    fail(ErrorKind::kConfig, "the labels have more values than there are classes", "--classes",
         fmt::format("{} names", std::max<int64_t>(needed, 2)),
         fmt::format("{}", fmt::join(request.classes, ",")));
  }
  if (needed < 2) {
    fail(ErrorKind::kConfig, "the classes are not known", request.folder,
         "labels with more than background, or names", "none",
         "give --labels, or --classes background,name,…");
  }
  if (std::ssize(values) < needed && request.preparation.label_values.empty()) {
    fail(ErrorKind::kConfig, "label values have gaps", request.folder, "0, 1, 2, …",
         fmt::format("{}", fmt::join(values, ", ")),
         fmt::format("--label-values {} makes them classes 0, 1, …", fmt::join(values, ",")));
  }
  std::vector<std::string> names = {"background"};
  for (int64_t k = 1; k < needed; ++k) names.push_back(fmt::format("class_{}", k));
  return names;
}

// Fails before hours of work.
void check_classes_known(const ConvertRequest& request) {
  const bool any_label = std::any_of(request.cases.begin(), request.cases.end(),
                                     [](const CaseFiles& one) { return !one.label.empty(); });
  if (any_label || !request.classes.empty()) return;
  fail(ErrorKind::kConfig, "the classes are not known", request.folder, "labels, or names",
       "neither", "give --labels FOLDER, or --classes background,name,…");
}

// A label budget takes the first training patients: those who have a label in every case.
std::vector<CaseInfo> index_order(const std::vector<ConvertedCase>& cases) {
  std::vector<CaseInfo> order;
  std::set<std::string> labelled;
  for (const ConvertedCase& one : cases) {
    if (!one.listed) continue;
    order.push_back(one.info);
    if (!one.classes.empty()) labelled.insert(one.info.id);
  }
  const std::set<std::string> patients = labelled_patients(order, labelled);
  std::stable_partition(order.begin(), order.end(),
                        [&](const CaseInfo& one) { return patients.contains(one.patient); });
  return order;
}

// A finished store is taken on only with its own cases and more, prepared alike.
void check_store(const StoreSource& store, const ConvertRequest& request,
                 const std::vector<std::string>& ids) {
  const std::string text = request.preparation.text();
  if (store.info().preparation != text) {
    fail(ErrorKind::kConfig, "the folder holds a data set made with other options", request.folder,
         text, store.info().preparation, "choose another folder");
  }
  for (const CaseInfo& one : store.cases()) {
    if (std::find(ids.begin(), ids.end(), one.id) != ids.end()) continue;
    fail(ErrorKind::kConfig, "the folder holds a data set with other cases", request.folder,
         "its own inputs, and more", "case " + one.id + " is not among the inputs",
         "choose another folder, or name all inputs");
  }
}

// Returns the header of an existing case, which must be made with the same options, so that the
// store is uniform.
std::optional<CaseHeader> kept_header(const std::string& id, const ConvertRequest& request) {
  const fs::path path = file_of(id, request);
  if (!fs::exists(path)) return std::nullopt;
  CaseHeader kept;
  try {
    kept = read_case_header(path);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;
    return std::nullopt;  // reading the whole case says so of this case alone
  }
  const auto fix = "choose another folder, or remove this case yourself";
  if (kept.info.id != id) {
    fail(ErrorKind::kConfig, "the file of a case was renamed", path, id, kept.info.id, fix);
  }
  if (kept.preparation == request.preparation.text()) return kept;
  fail(ErrorKind::kConfig, "the folder holds a case made with other options", path,
       request.preparation.text(), kept.preparation, fix);
}

// The plan of a conversion, made before anything is written.
struct Plan {
  std::vector<CaseInfo> cases;
  int64_t channels = 0;  // channels of the existing store; 0: none
};

Plan plan(const ConvertRequest& request) {
  Plan made;
  SplitCases split;
  for (const CaseFiles& one : request.cases) split.ids.push_back(one.id);
  std::optional<StoreSource> store;
  if (fs::exists(request.folder / "index.csv")) {
    check_store(store.emplace(request.folder), request, split.ids);
    made.channels = store->info().channels;
    split.kept = store->cases();  // also those whose file was removed to be made again
  }
  for (const CaseFiles& one : request.cases) {
    const std::optional<CaseHeader> kept = kept_header(one.id, request);
    if (kept) split.kept.push_back(kept->info);
    if (!one.label.empty() || (kept && kept->has_label)) split.labelled.insert(one.id);
  }
  made.cases = assign_splits(split, request.splits);
  return made;
}

// Sources of one store have the same number of channels: the store's, or the first case's.
void check_channels(std::vector<ConvertedCase>& cases, int64_t& channels) {
  for (ConvertedCase& one : cases) {
    if (!one.listed) continue;
    if (channels == 0) channels = one.channels;
    one.listed = one.channels == channels;
    if (one.listed) continue;
    one.error = fmt::format("{}: {} channels, where the data set has {}", one.info.id, one.channels,
                            channels);
  }
}

}  // namespace

std::vector<ConvertedCase> convert(const ConvertRequest& request,
                                   const std::function<void(size_t done)>& progress) {
  check_classes_known(request);
  Plan made = plan(request);
  std::vector<ConvertedCase> results;
  for (size_t i = 0; i < made.cases.size(); ++i) {
    results.push_back(convert_case(request.cases[i], made.cases[i], request));
    progress(i + 1);
  }
  check_channels(results, made.channels);
  const std::vector<CaseInfo> order = index_order(results);
  if (order.empty()) return results;
  write_index(request.folder,
              {.name = request.name,
               .classes = class_names(request, results),
               .has_ignore_label = request.preparation.ignore_label.has_value(),
               .channels = made.channels,
               .label_based_preparation = request.preparation.crop == "labels",
               .preparation = request.preparation.text()},
              order);
  return results;
}

}  // namespace semiseg
