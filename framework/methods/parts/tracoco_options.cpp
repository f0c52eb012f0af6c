// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/parts/tracoco_options.h"

#include <algorithm>

namespace semiseg {

TraCoCoOptions TraCoCoOptions::read(const Config& section, const NetworkShape& shape) {
  TraCoCoOptions o;
  std::string filter = "components", axis = "space", one_hot = "bitwise_not";
  if (shape.patch_size.size() == 3) {
    o.noise = 0.2;
    o.translation_weight = 0.3;
    o.entropy_weight = 0.1;
    o.copy_paste_nets = {2};
    filter = "none";
    o.adds_dice = shape.classes > 2;
  }
  section.read("consistency_weight", o.weight, {0, 1000},
               "Weight of all terms on unlabelled samples at the end of their ramp. 0.3 in the "
               "reference with few labels.");
  section.read("ramp_iterations", o.ramp, {0, 1e9},
               "Length of that ramp in iterations, 40 epochs of the labelled list in the "
               "reference; 0: a fiftieth of the training.");
  section.read("translation_weight", o.translation_weight, {0, 1000},
               "Weight of the agreement of the two crops. Raise it for large anatomies.");
  section.read("entropy_weight", o.entropy_weight, {0, 1000},
               "Weight of the entropy of their predictions.");
  section.read("noise", o.noise, {0, 10},
               "Largest uniform noise on images in [0, 1]. Lower it for weak contrasts.");
  section.read("clamp_input", o.clamps, "Clamps noisy images to [0, 1].");
  section.read("copy_paste_nets", o.copy_paste_nets, {1, 2},
               "Networks that train on mixed images, by their numbers.");
  section.read("threshold", o.thresholds.positive, {0, 1},
               "Probability from which the other network's label counts. Lower it when few pixels "
               "count.");
  section.read("negative_threshold", o.thresholds.negative, {0, 1},
               "Least probability below which the other classes count as wrong.");
  section.read("negative_one_hot", one_hot, {"bitwise_not", "logical_not"},
               "With more than two classes: pushes the label's own class down, too, as the "
               "reference does by mistake, or leaves it out.");
  section.read("translation_axis", axis, {"space", "class"},
               "Axis of the softmax in the agreement of crops: the first of the image as in the "
               "reference, or the classes.");
  section.read("component_filter", filter, {"components", "none"},
               "Keeps of the other network's label the largest component of each class, with the "
               "logits of others 0.");
  section.read("connectivity", o.connectivity, {0, 3},
               "Neighbourhood of these components: 1 faces, 2 edges, 3 corners; 0: corners.");
  o.thresholds.bitwise = one_hot == "bitwise_not";
  o.over_classes = axis == "class";
  o.filters = filter == "components";
  return o;
}

bool TraCoCoOptions::mixes(int i) const {
  return std::find(copy_paste_nets.begin(), copy_paste_nets.end(), i + 1) != copy_paste_nets.end();
}

double TraCoCoOptions::ramp_of(int64_t iterations) const {
  return ramp > 0 ? ramp : static_cast<double>(iterations) / 50;
}

}  // namespace semiseg
