// SPDX-License-Identifier: Apache-2.0
#include "datasets/nnunet/nnunet_plans.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/files/json.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

class PlansReader {
 public:
  PlansReader(fs::path path, std::string configuration)
      : path_(std::move(path)), configuration_(std::move(configuration)) {
    const std::string text = read_file(path_);
    check_json_bounds(text, path_.string());
    json_ = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json_.is_object()) fail("plans.json is damaged", "a JSON object", "other text");
    find_layers();
  }

  [[noreturn]] void fail(std::string what, std::string expected, std::string got,
                         std::string fix = "") const {
    throw Error(ErrorKind::kData, {std::move(what), path_.string(), std::move(expected),
                                   std::move(got), std::move(fix)});
  }

  const Json* top(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() ? nullptr : &*found;
  }
  // An entry of the configuration, or of one that it inherits from; null where nothing has it.
  const Json* find(const std::string& key) const {
    for (const Json* layer : layers_) {
      const auto found = layer->find(key);
      if (found != layer->end()) return &*found;
    }
    return nullptr;
  }
  const Json& need(const std::string& key, const std::string& expected) const {
    if (const Json* value = find(key)) return *value;
    fail_entry(key, expected, "no such entry");
  }
  [[noreturn]] void fail_entry(const std::string& key, const std::string& expected,
                               const std::string& got) const {
    fail(fmt::format("an entry of plans.json cannot be used: configurations.{}.{}", configuration_,
                     key),
         expected, got.substr(0, 200), "plan again with nnUNetv2_plan_and_preprocess");
  }

  // Numbers at any depth of lists, one behind the other.
  std::vector<double> numbers(const std::string& key, const Json& value) const {
    std::vector<double> all;
    append(value, all);
    const bool is_sound =
        !all.empty() && std::all_of(all.begin(), all.end(), [](double x) { return x > 0; });
    if (!is_sound) fail_entry(key, "positive numbers", value.dump());
    return all;
  }
  std::vector<double> numbers(const std::string& key) const {
    return numbers(key, need(key, "positive numbers"));
  }
  std::vector<int64_t> integers(const std::string& key, const Json& value) const {
    std::vector<int64_t> all;
    for (const double number : numbers(key, value)) {
      if (number != std::floor(number) || number > 1e6)
        fail_entry(key, "whole numbers", value.dump());
      all.push_back(static_cast<int64_t>(number));
    }
    return all;
  }
  std::vector<int64_t> integers(const std::string& key) const {
    return integers(key, need(key, "whole numbers"));
  }

 private:
  void find_layers() {
    const Json* all = top("configurations");
    if (!all || !all->is_object())
      fail("plans.json has no configurations", "configurations", "none");
    std::vector<std::string> names;
    for (const auto& [name, value] : all->items()) names.push_back(name);
    std::set<std::string> seen;
    for (std::string name = configuration_; !name.empty();) {
      const auto found = all->find(name);
      if (!seen.insert(name).second)
        fail("configurations of plans.json inherit from each other", "an end", name);
      if (found == all->end() || !found->is_object()) {
        fail("plans.json lacks a configuration", fmt::format("one of: {}", fmt::join(names, ", ")),
             name, "set dataset.configuration to one of them");
      }
      layers_.push_back(&*found);
      const auto parent = found->find("inherits_from");
      name = parent != found->end() && parent->is_string() ? parent->get<std::string>() : "";
    }
  }

  static void append(const Json& value, std::vector<double>& all) {
    if (value.is_array()) {
      for (const Json& each : value) append(each, all);
    } else {
      all.push_back(value.is_number() ? value.get<double>() : -1);
    }
  }

  fs::path path_;
  std::string configuration_;
  Json json_;
  std::vector<const Json*> layers_;
};

void check_followed(const PlansReader& reader) {
  if (const Json* turned = reader.top("transpose_forward")) {
    for (size_t axis = 0; axis < turned->size() || !turned->is_array(); ++axis) {
      if (turned->is_array() && (*turned)[axis] == axis) continue;
      reader.fail("these plans turn the axes of the images, which semiseg does not",
                  "transpose_forward [0,1,2]", turned->dump(),
                  "plan again with --overwrite_target_spacing, or convert the images first");
    }
  }
  if (reader.find("previous_stage")) {
    reader.fail("this configuration is the second stage of a cascade",
                "2d, 3d_fullres or 3d_lowres", "an entry previous_stage",
                "set dataset.configuration=3d_fullres");
  }
}

// A statistic of the foreground of a channel.
double property(const PlansReader& reader, size_t channel, const char* key) {
  const Json* all = reader.top("foreground_intensity_properties_per_channel");
  const std::string name = std::to_string(channel);
  if (all && all->contains(name) && (*all)[name].contains(key) && (*all)[name][key].is_number())
    return (*all)[name][key].get<double>();
  reader.fail("plans.json lacks a statistic that CTNormalization needs",
              fmt::format("foreground_intensity_properties_per_channel.{}.{}", name, key), "none",
              "plan again with nnUNetv2_plan_and_preprocess");
}

IntensityOptions intensity_of(const PlansReader& reader, const std::string& scheme, bool masked,
                              size_t channel) {
  if (scheme == "ZScoreNormalization") return {.scale = masked ? "zscore_nonzero" : "zscore"};
  if (scheme == "NoNormalization") return {.scale = "none"};
  if (scheme == "RescaleTo01Normalization") return {.scale = "minmax"};
  if (scheme == "CTNormalization") {
    return {.clip = {property(reader, channel, "percentile_00_5"),
                     property(reader, channel, "percentile_99_5")},
            .scale = "fixed",
            .mean = property(reader, channel, "mean"),
            .std = std::max(property(reader, channel, "std"), 1e-8)};
  }
  reader.fail_entry("normalization_schemes",
                    "ZScoreNormalization, CTNormalization, RescaleTo01Normalization or "
                    "NoNormalization",
                    scheme);
}

IntensityOptions read_intensity(const PlansReader& reader) {
  const Json& schemes = reader.need("normalization_schemes", "a name for each channel");
  const Json* masks = reader.find("use_mask_for_norm");
  std::vector<IntensityOptions> all;
  for (size_t c = 0; schemes.is_array() && c < schemes.size(); ++c) {
    if (!schemes[c].is_string()) break;
    const bool masked = masks && masks->is_array() && c < masks->size() && (*masks)[c] == true;
    all.push_back(intensity_of(reader, schemes[c].get<std::string>(), masked, c));
  }
  if (all.empty() || all.size() != schemes.size())
    reader.fail_entry("normalization_schemes", "a name for each channel", schemes.dump());
  for (const IntensityOptions& each : all) {
    const IntensityOptions& first = all.front();
    if (each.scale == first.scale && each.clip == first.clip && each.mean == first.mean &&
        each.std == first.std)
      continue;
    reader.fail_entry("normalization_schemes", "the same normalisation of every channel",
                      schemes.dump());
  }
  return all.front();
}

// `architecture` of plans since version 2.3.
void read_architecture(const PlansReader& reader, const Json& architecture, NnunetPlans& plans) {
  const auto named = architecture.find("network_class_name");
  const std::string name =
      named != architecture.end() && named->is_string() ? named->get<std::string>() : "no name";
  const bool has_blocks = name.ends_with("ResidualEncoderUNet");
  if (!has_blocks && !name.ends_with("PlainConvUNet"))
    reader.fail_entry("architecture", "PlainConvUNet or ResidualEncoderUNet", name);
  plans.network = has_blocks ? "resenc_unet" : "nnunet";
  const auto found = architecture.find("arch_kwargs");
  const Json none = Json::object();
  const Json& arguments = found != architecture.end() ? *found : none;
  const auto list = [&](const char* key) {
    const std::string path = std::string("architecture.arch_kwargs.") + key;
    if (!arguments.contains(key)) reader.fail_entry(path, "whole numbers", "no such entry");
    return reader.integers(path, arguments[key]);
  };
  plans.features = list("features_per_stage");
  plans.kernels = list("kernel_sizes");
  plans.strides = list("strides");
  plans.encoder = list(has_blocks ? "n_blocks_per_stage" : "n_conv_per_stage");
  plans.decoder = list("n_conv_per_stage_decoder");
}

// Plans of earlier versions: one entry for each list.
void read_old_architecture(const PlansReader& reader, NnunetPlans& plans) {
  const Json* name = reader.find("UNet_class_name");
  if (!name || *name != "PlainConvUNet")
    reader.fail_entry("architecture", "an entry architecture, or UNet_class_name PlainConvUNet",
                      name ? name->dump() : "neither");
  plans.network = "nnunet";
  plans.kernels = reader.integers("conv_kernel_sizes");
  plans.strides = reader.integers("pool_op_kernel_sizes");
  plans.encoder = reader.integers("n_conv_per_stage_encoder");
  plans.decoder = reader.integers("n_conv_per_stage_decoder");
  const int64_t base = reader.integers("UNet_base_num_features").front(),
                most = reader.integers("unet_max_num_features").front();
  for (size_t stage = 0; stage < std::min<size_t>(plans.encoder.size(), 16); ++stage)
    plans.features.push_back(std::min(base << stage, most));
}

void check_axes(const PlansReader& reader, const NnunetPlans& plans) {
  const size_t axes = plans.patch_size.size(), stages = plans.features.size();
  if (axes != 2 && axes != 3)
    reader.fail_entry("patch_size", "two or three sizes", fmt::format("{}", plans.patch_size));
  if (plans.spacing.size() != axes)
    reader.fail_entry("spacing", fmt::format("{} numbers", axes), fmt::format("{}", plans.spacing));
  const bool fits = plans.kernels.size() == stages * axes &&
                    plans.strides.size() == stages * axes && plans.encoder.size() == stages &&
                    plans.decoder.size() + 1 == stages;
  if (!fits)
    reader.fail_entry("architecture", fmt::format("{} stages of {} axes", stages, axes),
                      "lists of other lengths");
}

}  // namespace

NnunetPlans read_nnunet_plans(const fs::path& path, const std::string& configuration) {
  const PlansReader reader(path, configuration);
  check_followed(reader);
  NnunetPlans plans{.configuration = configuration,
                    .patch_size = reader.integers("patch_size"),
                    .batch_size = reader.integers("batch_size").front(),
                    .spacing = reader.numbers("spacing"),
                    .intensity = read_intensity(reader)};
  if (const Json* pooled = reader.find("batch_dice"); pooled && pooled->is_boolean())
    plans.batch_dice = pooled->get<bool>();
  const Json* architecture = reader.find("architecture");
  if (architecture && architecture->is_object()) {
    read_architecture(reader, *architecture, plans);
  } else {
    read_old_architecture(reader, plans);
  }
  check_axes(reader, plans);
  return plans;
}

std::string experiment_of(const NnunetPlans& p) {
  const auto list = [](const auto& values) { return fmt::format("[{}]", fmt::join(values, ", ")); };
  const bool has_blocks = p.network == "resenc_unet";
  return fmt::format(
      "# nnU-Net's plan {}: semiseg train +plan=THIS_FILE dataset=nnunet_raw …\n"
      "# @package _global_\n"
      "defaults = [{{\"/protocol\" = \"nnunet_{}d\"}}, {{\"/backbone\" = \"{}\"}}, "
      "{{\"/method\" = \"supervised\"}}, \"_self_\"]\n\n"
      "[protocol]\npatch_size = {}\nbatch = {}\nlabelled_batch = {}\n\n"
      "[backbone]\nfeatures = {}\nkernel_sizes = {}\nstrides = {}\n{} = {}\n"
      "convolutions_per_stage_decoder = {}\ndeep_supervision = true\n\n"
      "[method]\nloss = \"nnunet\"\nbatch_dice = {}\ndeep_supervision = true\n",
      p.configuration, p.patch_size.size(), p.network, list(p.patch_size), p.batch_size,
      p.batch_size, list(p.features), list(p.kernels), list(p.strides),
      has_blocks ? "blocks_per_stage" : "convolutions_per_stage", list(p.encoder), list(p.decoder),
      p.batch_dice);
}

}  // namespace semiseg
