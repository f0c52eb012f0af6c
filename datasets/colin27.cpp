// SPDX-License-Identifier: Apache-2.0
// colin27: a real brain that a fresh machine can have, by apt-get install mricron-data. Lobes, deep
// grey matter and cerebellum of one man in T1-weighted MR. It is one brain: slabs of axial slices
// stand for patients, and scores are no generalisation to people. A macaque's brain can join as a
// second centre.
#include "datasets/atlas/mricron_scans.h"
#include "framework/config/option_list.h"

namespace semiseg::colin27 {
namespace {

struct Options {
  std::vector<AtlasScan> scans;
  SlabOptions slabs;

  static Options read(const Config& config);
};

Options Options::read(const Config& config) {
  Options o{.scans = {colin27_scan(config)}};
  std::string macaque = "none";
  config.read("inia19", macaque, {"none", "test", "split"},
              "Use of a macaque brain as a second site: not at all (none), as test cases of an "
              "unseen domain (test), or split like the human one, its training slabs after the "
              "human ones (split).");
  if (macaque != "none") {
    o.scans.push_back(inia19_scan(config));
    o.scans.back().only_test = macaque == "test";
    if (o.scans[0].groups.classes != o.scans[1].groups.classes) {
      config.fail("inia19", "the macaque atlas has other classes than were chosen",
                  "the lobes of aal", "leave dataset.atlas and dataset.groups as they are");
    }
  }
  o.slabs.read(config);
  return o;
}

const bool registered = DatasetRegistry::instance().add(
    {.name = "colin27",
     .summary = "A real brain in slabs (T1; lobes, deep grey, cerebellum) from Debian's "
                "mricron-data; one brain, not people",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& config) -> std::unique_ptr<DatasetSource> {
       const Options options = Options::read(config);
       return std::make_unique<StoreSource>(slab_store("colin27", options.scans, options.slabs));
     }});

}  // namespace
}  // namespace semiseg::colin27
