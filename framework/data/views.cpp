// SPDX-License-Identifier: Apache-2.0
#include "framework/data/views.h"

#include <fmt/format.h>

#include "framework/config/compose.h"
#include "framework/core/error.h"

namespace semiseg {
namespace {

View read_view(const std::string& name, const Config& section, View view) {
  std::vector<std::string> steps;
  const bool is_strong = view.continues_geometry;
  if (is_strong) steps = {"color_jitter"};
  section.read("steps", steps,
               "Transforms of this view, in this order; semiseg info lists them. Change them to "
               "strengthen or weaken the view that the student must be consistent with.");
  std::string geometry = "shared";
  section.read("geometry", geometry, {"shared", "own"},
               "shared: turns, flips and crop are those of the weak view; own: the view draws its "
               "own. Set own for methods that compare two crops of one sample.");
  view.name = name;
  view.own_geometry = geometry == "own";
  for (const std::string& step : steps)
    view.steps.push_back(TransformRegistry::instance().find(step).make(section.section(step)));
  return view;
}

}  // namespace

Views Views::read(const Config& section) {
  Views views;
  views.views_[kWeakView] = {.name = kWeakView};
  // Recorded runs draw the jitter of the strong view behind the geometry of the sample.
  views.views_["strong"] =
      read_view("strong", section.section("strong"), {.continues_geometry = true});
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
