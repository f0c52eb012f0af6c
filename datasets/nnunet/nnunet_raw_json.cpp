// SPDX-License-Identifier: Apache-2.0
#include "datasets/nnunet/nnunet_raw_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/ignore_label.h"
#include "framework/core/log.h"
#include "framework/files/json.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

class Reader {
 public:
  explicit Reader(fs::path path) : path_(std::move(path)) {
    const std::string text = read_file(path_);
    check_json_bounds(text, path_.string());
    json_ = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json_.is_object()) fail("dataset.json is damaged", "a JSON object", "other text");
  }

  [[noreturn]] void fail(std::string what, std::string expected, std::string got,
                         std::string fix = "") const {
    throw Error(ErrorKind::kData, {std::move(what), path_.string(), std::move(expected),
                                   std::move(got), std::move(fix)});
  }

  const Json* find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() ? nullptr : &*found;
  }

  std::string text(const char* key, const std::string& otherwise) const {
    const Json* value = find(key);
    return value && value->is_string() ? value->get<std::string>() : otherwise;
  }

  bool has_regions() const {
    const Json& labels = *find("labels");
    if (!labels.is_object()) return false;
    for (const auto& [name, value] : labels.items())
      if (value.is_array() && name != "ignore") return true;
    return false;
  }

  // The value of the voxels without a class, where "ignore" is among the labels.
  std::optional<int64_t> ignore_label(size_t classes) const {
    const Json& labels = *find("labels");
    const auto found = labels.is_object() ? labels.find("ignore") : labels.end();
    if (found == labels.end()) return std::nullopt;
    const auto value = number_of(*found);
    if (value && *value >= static_cast<int64_t>(classes) && classes <= kIgnoreLabel) return value;
    fail("the ignore label of dataset.json cannot be used",
         fmt::format("one number above those of the {} classes, which are at most {}", classes,
                     kIgnoreLabel),
         found->dump(), "nnU-Net gives it the highest number");
  }

  // Regions are unions of labels, written over each other in the order of regions_class_order: the
  // k-th region's number is the label of the voxels that no later region covers. Those labels are
  // the classes.
  std::vector<std::string> region_labels() const {
    const Json *labels = find("labels"), *order = find("regions_class_order");
    std::vector<std::string> regions;
    std::vector<std::set<int64_t>> values;
    for (const auto& [name, value] : labels->items()) {
      const std::set<int64_t> of_region = values_of(value);
      if (name == "ignore" || of_region == std::set<int64_t>{0}) continue;
      regions.push_back(name);
      values.push_back(of_region);
    }
    const bool fits = order && order->is_array() && order->size() == regions.size();
    if (!fits) fail_regions(regions.size(), order);
    std::vector<std::string> classes(regions.size() + 1);
    classes[0] = "background";
    for (size_t k = 0; k < regions.size(); ++k) {
      const auto value = number_of((*order)[k]);
      if (!value || *value < 1 || *value >= std::ssize(classes) || !values[k].contains(*value) ||
          *values[k].begin() < 1 || *values[k].rbegin() >= std::ssize(classes))
        fail_regions(regions.size(), order);
      classes[static_cast<size_t>(*value)] = fmt::format("{}_label_{}", regions[k], *value);
    }
    if (std::any_of(classes.begin(), classes.end(), [](const auto& one) { return one.empty(); }))
      fail_regions(regions.size(), order);
    log::warn(
        "{}: regions are trained and measured as the labels in the files, which exclude each "
        "other: {}",
        path_.string(), fmt::join(classes, ", "));
    return classes;
  }

  // {"0": "CT"} or {"CT": 0}: names in the order of their numbers, which begin at 0 without a gap.
  std::vector<std::string> numbered(const char* key, const Json& object) const {
    std::map<int64_t, std::string> names;
    if (!object.is_object()) fail(bad(key), "an object", object.dump());
    for (const auto& [left, right] : object.items()) {
      if (std::string_view(key) == "labels" && left == "ignore") continue;
      const auto forward = number(left), backward = number_of(right);
      const bool is_v1 = forward && right.is_string();
      if (!is_v1 && !backward) fail(bad(key), "names with numbers", right.dump());
      const bool is_new =
          names.emplace(is_v1 ? *forward : *backward, is_v1 ? right.get<std::string>() : left)
              .second;
      if (!is_new) fail(bad(key), "every number once", object.dump());
    }
    std::vector<std::string> result;
    for (auto& [value, name] : names) {
      if (value != std::ssize(result)) {
        fail(bad(key), fmt::format("the number {}", result.size()), std::to_string(value),
             "number them 0, 1, 2 … in files and dataset.json");
      }
      result.push_back(std::move(name));
    }
    return result;
  }

 private:
  [[noreturn]] void fail_regions(size_t count, const Json* order) const {
    fail(
        "labels of dataset.json hold regions without their order",
        fmt::format("{0} regions of the labels 1 to {0}, and regions_class_order with those labels "
                    "in any order, each within its region",
                    count),
        order ? order->dump() : "none",
        "add it, or write label files whose values are classes, 0 to the number of classes - 1");
  }

  static std::string bad(const char* key) {
    return fmt::format("{} of dataset.json cannot be used", key);
  }

  static std::optional<int64_t> number(const std::string& text) {
    const bool is_number = !text.empty() && text.size() < 10 &&
                           text.find_first_not_of("0123456789") == std::string::npos;
    return is_number ? std::optional<int64_t>(std::stoll(text)) : std::nullopt;
  }

  // Returns the number that 2 and "2" stand for.
  static std::optional<int64_t> number_of(const Json& value) {
    if (value.is_string()) return number(value.get<std::string>());
    return value.is_number_integer() ? std::optional<int64_t>(value.get<int64_t>()) : std::nullopt;
  }

  // Returns the labels of a region [1, 2] or of a plain label; -1 stands for anything that is no number.
  static std::set<int64_t> values_of(const Json& region) {
    if (!region.is_array()) return {number_of(region).value_or(-1)};
    std::set<int64_t> values;
    for (const Json& one : region) values.insert(number_of(one).value_or(-1));
    return values.empty() ? std::set<int64_t>{-1} : values;
  }

  fs::path path_;
  Json json_;
};

// "./imagesTr/la_003.nii.gz" → "la_003".
std::string id_of(const std::string& file, const std::string& ending) {
  std::string name = fs::path(file).filename();
  if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  return name;
}

}  // namespace

NnunetDescription read_nnunet_description(const fs::path& path) {
  const Reader reader(path);
  NnunetDescription result;
  result.name = reader.text("name", "nnunet_raw");
  result.ending = reader.text("file_ending", result.ending);
  const char* channel_key = reader.find("channel_names") ? "channel_names" : "modality";
  for (const char* key : {channel_key, "labels"}) {
    if (!reader.find(key))
      reader.fail(fmt::format("dataset.json has no {}", key),
                  "channel_names (or modality) and labels", "neither");
  }
  result.channels = reader.numbered(channel_key, *reader.find(channel_key));
  result.classes = reader.has_regions() ? reader.region_labels()
                                        : reader.numbered("labels", *reader.find("labels"));
  result.ignore_label = reader.ignore_label(result.classes.size());
  if (result.classes.size() < 2 || result.channels.empty()) {
    reader.fail(
        "dataset.json names too little", "a channel, background and a class",
        fmt::format("{} channels, {} classes", result.channels.size(), result.classes.size()));
  }
  const Json* training = reader.find("training");
  if (!training || !training->is_array()) return result;
  for (const Json& one : *training) {
    const bool has_key = one.is_object() && one.contains("image");
    const Json& image = has_key ? one.at("image") : one;
    if (!image.is_string())
      reader.fail("training of dataset.json cannot be used", "names of images", one.dump());
    result.training.push_back(id_of(image.get<std::string>(), result.ending));
  }
  return result;
}

}  // namespace semiseg
