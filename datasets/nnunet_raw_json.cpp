// SPDX-License-Identifier: Apache-2.0
#include "datasets/nnunet_raw_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

class Reader {
 public:
  explicit Reader(fs::path path) : path_(std::move(path)) {
    json_ = Json::parse(read_file(path_), nullptr, /*allow_exceptions=*/false);
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

  std::string text(const char* key, std::string otherwise) const {
    const Json* value = find(key);
    return value && value->is_string() ? value->get<std::string>() : otherwise;
  }

  // {"0": "CT"} or {"CT": 0}: names in the order of their numbers, which begin at 0 without a gap.
  std::vector<std::string> numbered(const char* key, const Json& object) const {
    std::map<int64_t, std::string> names;
    if (!object.is_object()) fail(bad(key), "an object", object.dump());
    for (const auto& [left, right] : object.items()) {
      const auto forward = number(left);
      const auto backward = right.is_string() ? number(right.get<std::string>()) : whole(right);
      const bool is_v1 = forward && right.is_string();
      if (right.is_array() || left == "ignore") {
        fail(fmt::format("{} of dataset.json holds {}", key,
                         right.is_array() ? "regions" : "an ignore label"),
             "one number for each class", fmt::format("{}: {}", left, right.dump()),
             "write label files whose values are classes, 0 to the number of classes - 1");
      }
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
  static std::string bad(const char* key) {
    return fmt::format("{} of dataset.json cannot be used", key);
  }

  static std::optional<int64_t> number(const std::string& text) {
    const bool is_number = !text.empty() && text.size() < 10 &&
                           text.find_first_not_of("0123456789") == std::string::npos;
    return is_number ? std::optional<int64_t>(std::stoll(text)) : std::nullopt;
  }

  static std::optional<int64_t> whole(const Json& value) {
    return value.is_number_integer() ? std::optional<int64_t>(value.get<int64_t>()) : std::nullopt;
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
  result.classes = reader.numbered("labels", *reader.find("labels"));
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
