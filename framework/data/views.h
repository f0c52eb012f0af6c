// SPDX-License-Identifier: Apache-2.0
// The views of a training sample: named lists of transforms, [protocol.views.<name>] in TOML.
//
//   [protocol.views.strong2]
//   steps = ["color_jitter"]      # registered transforms, in this order
//   geometry = "shared"           # "own": turns, flips and crop of its own; "own_crop"
//
// The view "weak" has steps alone.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/config/config.h"
#include "framework/data/batch.h"
#include "framework/data/transforms/transform.h"

namespace semiseg {

struct View {
  std::string name;
  bool own_geometry = false;
  bool own_crop = false;     // turns and flips of the weak view, another crop
  bool is_features = false;  // the features of the sample, not its image
  // The view continues the random sequence of the sample's geometry; otherwise it has a sequence of
  // its own, "augment/<view>".
  bool continues_geometry = false;
  std::vector<std::shared_ptr<const Transform>> steps;
};

class Views {
 public:
  // Reads the views of the section, and adds the weak view, the view features, two strong views
  // (strong and strong2: colour jitter) and the view second_crop, unless the section defines them.
  // "features" are those of the sample (Sample::features), [B,F,S], moved as the weak view is. Throws
  // kConfig for an unknown transform.
  static Views read(const Config& section);
  // Returns only the views that are always there.
  static Views defaults();

  // Throws kConfig, with the names of the views, for an unknown one.
  const View& find(const std::string& name) const;
  void check(const std::vector<StreamPlan>& streams) const;
  // Throws kConfig for a view with another crop of its sample where `kind` (TransformOptions)
  // rotates the crops: the two would not fit; and for features where it changes crops afterwards.
  void check_crops(const std::vector<StreamPlan>& streams, const std::string& kind) const;

 private:
  std::map<std::string, View> views_;
};

}  // namespace semiseg
