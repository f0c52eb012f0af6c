// SPDX-License-Identifier: Apache-2.0
#include "framework/data/views.h"

#include <fmt/format.h>

#include "framework/config/compose.h"
#include "framework/core/error.h"

namespace semiseg {
namespace {

// The defaults of a view.
struct ViewDefaults {
  std::vector<std::string> steps = {};
  std::string geometry = "shared";
  bool continues_geometry = false;
};

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
  for (const std::string& step : steps)
    view.steps.push_back(TransformRegistry::instance().find(step).make(section.section(step)));
  return view;
}

}  // namespace

Views Views::read(const Config& section) {
  Views views;
  views.views_[kWeakView] = {.name = kWeakView};
  // Recorded runs draw the jitter of the strong view behind the geometry of the sample.
  views.views_["strong"] = read_view("strong", section.section("strong"),
                                     {.steps = {"color_jitter"}, .continues_geometry = true});
  views.views_["strong2"] =
      read_view("strong2", section.section("strong2"), {.steps = {"color_jitter"}});
  views.views_["second_crop"] =
      read_view("second_crop", section.section("second_crop"), {.geometry = "own_crop"});
  for (const std::string& name : section.sections()) {
    if (name == kWeakView)
      section.fail(name, "the weak view is the sample in its random geometry", "another name");
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

}  // namespace semiseg
