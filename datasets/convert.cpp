// SPDX-License-Identifier: Apache-2.0
#include "datasets/convert.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "framework/core/error.h"
#include "framework/data/case_checks.h"
#include "framework/data/case_store.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(ErrorKind kind, std::string what, const fs::path& where,
                       std::string expected, std::string got, std::string fix = "") {
  throw Error(
      kind, {std::move(what), where.string(), std::move(expected), std::move(got), std::move(fix)});
}

// Values of the file → class numbers.
void map_values(LabelMap& label, const std::vector<int64_t>& values, const fs::path& path) {
  if (values.empty()) return;
  at::Tensor table = at::full({256}, 255, at::kByte);
  for (size_t k = 0; k < values.size(); ++k) {
    table[values[k]].fill_(static_cast<int64_t>(k));
  }
  const at::Tensor mapped =
      table.index_select(0, label.label.flatten().to(at::kLong)).view_as(label.label);
  const at::Tensor unknown = mapped == 255;
  if (unknown.any().item<bool>()) {
    fail(ErrorKind::kData, "a label value is not listed", path,
         fmt::format("--label-values {}", fmt::join(values, ",")),
         std::to_string(label.label.masked_select(unknown)[0].item<int64_t>()));
  }
  label.label = mapped;
}

StoredCase make_case(const CaseFiles& files, const CaseInfo& info, const ConvertRequest& request) {
  const ReadOptions reading = request.preparation.reading();
  const Scan scan = read_channels(files.images, reading);
  LabelMap label;
  if (!files.label.empty()) {
    label = read_label_map(files.label, reading);
    map_values(label, request.preparation.label_values, files.label);
  }
  const PreparedCase made =
      prepare(scan, files.label.empty() ? nullptr : &label, request.preparation,
              files.label.empty() ? files.images.front() : files.label);
  StoredCase stored{
      .info = info, .affine = made.geometry.affine, .preparation = request.preparation.text()};
  stored.volume = {.image = made.image,
                   .label = made.label,
                   .spacing_mm = made.geometry.spacing_mm,
                   .has_spacing = true};
  const DatasetInfo any{.classes = std::vector<std::string>(256), .channels = made.image.size(0)};
  check_volume(stored.volume, any, files.images.front());
  return stored;
}

void describe(const StoredCase& stored, ConvertedCase& result) {
  const at::Tensor& image = stored.volume.image;
  result.info = stored.info;
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
  for (int64_t value = 0; value < 256; ++value) {
    if (counts[value].item<int64_t>() > 0) result.classes.push_back(value);
  }
}

// A case that is there was made by the same options, or the store would be a mixture.
void check_kept(const StoredCase& kept, const CaseInfo& info, const std::string& preparation,
                const fs::path& path) {
  const auto fix = "choose another folder, or remove this case yourself";
  if (kept.preparation != preparation) {
    fail(ErrorKind::kConfig, "the folder holds a case made with other options", path, preparation,
         kept.preparation, fix);
  }
  if (kept.info.split != info.split || kept.info.patient != info.patient) {
    fail(ErrorKind::kConfig, "the folder holds a case of another split or patient", path,
         fmt::format("{}, {}", info.patient, to_string(info.split)),
         fmt::format("{}, {}", kept.info.patient, to_string(kept.info.split)), fix);
  }
}

ConvertedCase convert_case(const CaseFiles& files, const CaseInfo& info,
                           const ConvertRequest& request) {
  ConvertedCase result{.info = info};
  const fs::path path = request.folder / (info.id + ".h5");
  try {
    result.kept = fs::exists(path);
    StoredCase stored;
    if (result.kept) {
      stored = read_case(path);
      check_kept(stored, info, request.preparation.text(), path);
    } else {
      stored = make_case(files, info, request);
      write_case(request.folder, stored);
    }
    describe(stored, result);
  } catch (const Error& error) {
    // A mixture and a full disk concern all cases.
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

// Said before hours of work.
void check_classes_known(const ConvertRequest& request) {
  const bool any_label = std::any_of(request.cases.begin(), request.cases.end(),
                                     [](const CaseFiles& one) { return !one.label.empty(); });
  if (any_label || !request.classes.empty()) return;
  fail(ErrorKind::kConfig, "the classes are not known", request.folder, "labels, or names",
       "neither", "give --labels FOLDER, or --classes background,name,…");
}

// A label budget takes the first training patients: those who have a label in every case.
std::vector<CaseInfo> index_order(const std::vector<ConvertedCase>& cases) {
  std::map<std::string, bool> labelled;
  std::vector<CaseInfo> order;
  for (const ConvertedCase& one : cases) {
    if (!one.error.empty()) continue;
    order.push_back(one.info);
    const auto [place, is_new] = labelled.emplace(one.info.patient, true);
    place->second = place->second && !one.classes.empty();
  }
  std::stable_sort(order.begin(), order.end(), [&](const CaseInfo& a, const CaseInfo& b) {
    return labelled[a.patient] > labelled[b.patient];
  });
  return order;
}

// A finished store is taken on only with its own cases and more, prepared alike.
void check_store(const ConvertRequest& request, const std::vector<std::string>& ids) {
  const StoreSource store(request.folder);
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

// Sources of one store have the same number of channels: the first case's.
void check_channels(std::vector<ConvertedCase>& cases) {
  int64_t channels = 0;
  for (ConvertedCase& one : cases) {
    if (!one.error.empty()) continue;
    if (channels == 0) channels = one.channels;
    if (one.channels == channels) continue;
    one.error = fmt::format("{}: {} channels, where the first case has {}", one.info.id,
                            one.channels, channels);
  }
}

}  // namespace

std::vector<ConvertedCase> convert(const ConvertRequest& request,
                                   const std::function<void(size_t done)>& progress) {
  check_classes_known(request);
  std::vector<std::string> ids;
  for (const CaseFiles& one : request.cases) ids.push_back(one.id);
  const std::vector<CaseInfo> infos = assign_splits(ids, request.splits);
  const fs::path index = request.folder / "index.csv";
  const bool complete = std::all_of(ids.begin(), ids.end(), [&](const std::string& id) {
    return fs::exists(request.folder / (id + ".h5"));
  });
  if (fs::exists(index)) {
    check_store(request, ids);
    if (!complete) fs::remove(index);  // no longer whole; written anew below
  }
  std::vector<ConvertedCase> results;
  for (size_t i = 0; i < infos.size(); ++i) {
    results.push_back(convert_case(request.cases[i], infos[i], request));
    progress(i + 1);
  }
  check_channels(results);
  const std::vector<CaseInfo> order = index_order(results);
  if (order.empty()) return results;
  DatasetInfo info{.name = request.name, .classes = class_names(request, results)};
  info.label_based_preparation = request.preparation.crop == "labels";
  info.preparation = request.preparation.text();
  for (const ConvertedCase& one : results) {
    if (one.error.empty()) info.channels = one.channels;
  }
  write_index(request.folder, info, order);
  return results;
}

}  // namespace semiseg
