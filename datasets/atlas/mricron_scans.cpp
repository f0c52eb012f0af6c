// SPDX-License-Identifier: Apache-2.0
#include "datasets/atlas/mricron_scans.h"

#include <algorithm>

namespace semiseg {
namespace {

struct Atlas {
  const char* name;
  const char* file;
  std::vector<std::string> groups;
};

// Regions by the numbers of the atlases' own lists. Cingulum, insula and the medial temporal lobe
// are "limbic"; the fusiform gyrus counts as temporal; deep grey is caudate, putamen, pallidum and
// thalamus. Brodmann areas and the cortical atlas of Harvard and Oxford have neither deep grey nor
// cerebellum.
const std::vector<Atlas>& atlases() {
  static const std::vector<Atlas> all = {
      {"aal",
       "aal.nii.gz",
       {"frontal=1-28", "parietal=57-70", "temporal=55-56,79-90", "occipital=43-54", "limbic=29-42",
        "deep_grey=71-78", "cerebellum=91-116"}},
      {"brodmann",
       "brodmann.nii.gz",
       {"frontal=4,6,8-12,44-47", "parietal=1-3,5,7,39-40,43", "temporal=20-22,37-38,41-42",
        "occipital=17-19", "limbic=23-36,48"}},
      {"harvard_oxford",
       "HarvardOxford-cort-maxprob-thr0-1mm.nii.gz",
       {"frontal=1,3-7,25-26,28,33,41-42", "parietal=17-21,31,43", "temporal=8-16,37-39,44-46",
        "occipital=22-24,32,36,40,47-48", "limbic=2,27,29-30,34-35"}},
  };
  return all;
}

// The same classes in NeuroMaps' numbers, left hemisphere; white matter is background.
const std::vector<std::string> kNeuroMaps = {
    "frontal=147,196,213-217,220",
    "parietal=8-10,45,111",
    "temporal=7,37,54,58",
    "occipital=1,3-6",
    "limbic=65,69-70,86,153,166,180,189,191-192,205,211,449-453,456-459,463-464,467,470-471,480,"
    "482-484,496,498,521",
    "deep_grey=82,92,95-96,98,101,135-137,162,165,171,177-178,186,222,285,287-288,321-327,489-490,"
    "492,497,499",
    "cerebellum=224-231,233-238,240-242,244-250,252-253,294-296,309,504-505"};

std::filesystem::path templates(const Config& config) {
  std::string folder = "/usr/share/mricron/templates";
  config.read("templates", folder,
              "Folder of the Debian package mricron-data with its .nii.gz files. Set it where the "
              "package was unpacked elsewhere.");
  return folder;
}

}  // namespace

AtlasScan colin27_scan(const Config& config) {
  const std::filesystem::path folder = templates(config);
  std::string image = "ch2", atlas = "aal";
  config.read("image", image, {"ch2", "ch2bet"},
              "Image of the head (ch2), or of the brain alone (ch2bet), which is easier.");
  config.read("atlas", atlas, {"aal", "brodmann", "harvard_oxford"},
              "Atlas whose regions are the classes: automated anatomical labelling (aal), Brodmann "
              "areas, or the cortical regions of Harvard and Oxford.");
  const Atlas& chosen = *std::find_if(atlases().begin(), atlases().end(),
                                      [&](const Atlas& one) { return one.name == atlas; });
  std::vector<std::string> groups;
  config.read("groups", groups,
              "Classes as groups of regions of the atlas, such as [\"frontal=1-28,57\"]; empty: "
              "its lobes. Set it for other classes.");
  return {.name = "colin27",
          .scan = folder / (image + ".nii.gz"),
          .atlas = folder / chosen.file,
          .groups = read_groups(groups.empty() ? chosen.groups : groups, config, "groups")};
}

AtlasScan inia19_scan(const Config& config) {
  const std::filesystem::path folder = templates(config);
  return {.name = "inia19",
          .scan = folder / "inia19-t1-brain.nii.gz",
          .atlas = folder / "inia19-NeuroMaps.nii.gz",
          .groups = read_groups(kNeuroMaps, config, "groups"),
          .right_offset = 1000};
}

}  // namespace semiseg
