// SPDX-License-Identifier: Apache-2.0
#include "framework/data/views.h"

#include <fmt/format.h>

#include "framework/config/compose.h"
#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr const char* kFeatures = "features";

// The defaults of a view.
struct ViewDefaults {
  std::vector<std::string> steps = {};
  std::string geometry = "shared";
  bool continues_geometry = false;
};

std::vector<std::shared_ptr<const Transform>> read_steps(const std::vector<std::string>& names,
                                                         const Config& section) {
  std::vector<std::shared_ptr<const Transform>> steps;
  for (const std::string& name : names)
    steps.push_back(TransformRegistry::instance().find(name).make(section.section(name)));
  return steps;
}

View read_view(const std::string& name, const Config& section, const ViewDefaults& defaults) {
  std::vector<std::string> steps = defaults.steps;
  section.read("steps", steps,
               "Transforms of this view, in this order; semiseg info lists them. Change them to "
               "strengthen or weaken the view that the student must be consistent with.");
  std::string geometry = defaults.geometry;
  section.read("geometry", geometry, {"shared", "own", "own_crop"},
               "shared: turns, flips and crop are those of the weak view; own: the view draws its "
               "own; own_crop: it draws its crop alone. Take own_crop for methods that compare two "
               "crops of one sample.");
  View view{.name = name,
            .own_geometry = geometry == "own",
            .own_crop = geometry == "own_crop",
            .continues_geometry = defaults.continues_geometry};
  view.steps = read_steps(steps, section);
  return view;
}

// All methods see it, and its geometry is the sample's.
View read_weak_view(const Config& section) {
  std::vector<std::string> steps;
  section.read("steps", steps,
               "Transforms of every training image behind its random geometry; other views begin "
               "without them. Take those of nnU-Net to train as it does (protocol=nnunet_3d).");
  return {.name = kWeakView, .steps = read_steps(steps, section)};
}

}  // namespace

Views Views::read(const Config& section) {
  Views views;
  views.views_[kWeakView] = read_weak_view(section.section(kWeakView));
  views.views_[kFeatures] = {.name = kFeatures, .is_features = true};
  // Recorded runs draw the jitter of the strong view behind the geometry of the sample.
  views.views_["strong"] = read_view("strong", section.section("strong"),
                                     {.steps = {"color_jitter"}, .continues_geometry = true});
  views.views_["strong2"] =
      read_view("strong2", section.section("strong2"), {.steps = {"color_jitter"}});
  views.views_["second_crop"] =
      read_view("second_crop", section.section("second_crop"), {.geometry = "own_crop"});
  for (const std::string& name : section.sections()) {
    if (name == kFeatures)
      section.fail(name, "this view has the features of dataset.features", "another name");
    if (!views.views_.contains(name))
      views.views_[name] = read_view(name, section.section(name), {});
  }
  return views;
}

Views Views::defaults() { return read(parse_config("")); }

const View& Views::find(const std::string& name) const {
  const auto found = views_.find(name);
  if (found != views_.end()) return found->second;
  std::string names;
  for (const auto& [known, view] : views_) names += (names.empty() ? "" : ", ") + known;
  throw Error(
      ErrorKind::kConfig,
      {.what = fmt::format("the method asks for the view '{}', which nothing defines", name),
       .where = "[protocol.views]",
       .expected = "one of: " + names,
       .got = name,
       .fix = fmt::format("define it: [protocol.views.{}] with steps = […]", name)});
}

void Views::check(const std::vector<StreamPlan>& streams) const {
  for (const StreamPlan& stream : streams) {
    for (const std::string& view : stream.views) find(view);
  }
}

void Views::check_crops(const std::vector<StreamPlan>& streams, const std::string& kind) const {
  const bool has_strong_steps = kind == "svda", rotates = has_strong_steps || kind == "nnunet";
  const auto refuse = [&](const std::string& what, const std::string& expected) {
    throw Error(
        ErrorKind::kConfig,
        {.what = what, .where = "protocol.augmentation.kind", .expected = expected, .got = kind});
  };
  for (const StreamPlan& stream : streams) {
    for (const std::string& name : stream.views) {
      const View& view = find(name);
      if (rotates && view.own_crop) {
        refuse(fmt::format("the view '{}' is a second crop of its sample, which does not fit a "
                           "rotated first one",
                           name),
               "rot_flip_crop, crop or none for a method that compares two crops");
      }
      if (has_strong_steps && view.is_features)
        refuse("features of another program do not follow the strong steps of the image",
               "another kind than svda for a method that learns from features");
    }
  }
}

}  // namespace semiseg
