// SPDX-License-Identifier: Apache-2.0
// colin27: a real brain that a fresh machine can have, by apt-get install mricron-data. Lobes, deep
// grey matter and cerebellum of one man in T1-weighted MR. It is one brain: slabs of axial slices
// stand for patients, and scores are no generalisation to people. A macaque's brain can join as a
// second centre.
#include "datasets/mricron_scans.h"

namespace semiseg {
namespace {

std::filesystem::path make(const Config& config) {
  std::vector<AtlasScan> scans = {colin27_scan(config)};
  std::string macaque = "none";
  config.read("inia19", macaque, {"none", "test", "split"},
              "the macaque brain as second centre: not at all; as test cases, an unseen domain; or "
              "split as the human one, its training slabs after the human ones in label order");
  if (macaque != "none") {
    scans.push_back(inia19_scan(config));
    scans.back().only_test = macaque == "test";
    if (scans[0].groups.classes != scans[1].groups.classes) {
      config.fail("inia19", "the macaque atlas has other classes than were chosen",
                  "the lobes of aal", "leave dataset.atlas and dataset.groups as they are");
    }
  }
  SlabOptions options;
  options.read(config);
  return slab_store("colin27", scans, options);
}

const bool registered = DatasetRegistry::instance().add(
    {.name = "colin27",
     .summary = "one real brain (T1, lobes, deep grey, cerebellum) cut into slabs, from Debian's "
                "mricron-data; one brain, so scores do not speak of other people",
     .make = [](const Config& config) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<StoreSource>(make(config));
     }});

}  // namespace
}  // namespace semiseg
