// SPDX-License-Identifier: Apache-2.0
// inia19: the averaged brain of 19 rhesus macaques with the classes of colin27, a second species
// for questions of domain shift. It is one image: slabs of axial slices stand for patients, and
// scores are no generalisation to animals.
#include "datasets/atlas/mricron_scans.h"
#include "framework/config/option_list.h"

namespace semiseg::inia19 {
namespace {

struct Options {
  AtlasScan scan;
  SlabOptions slabs{.slab_slices = 6, .gap_slices = 2, .reduce = 1, .root = ""};

  static Options read(const Config& config) {
    Options o{.scan = inia19_scan(config)};
    o.slabs.read(config);
    return o;
  }
};

const bool registered = DatasetRegistry::instance().add(
    {.name = "inia19",
     .summary = "An averaged macaque brain in slabs with the classes of colin27, from Debian's "
                "mricron-data; one image, not animals",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& config) -> std::unique_ptr<DatasetSource> {
       const Options options = Options::read(config);
       return std::make_unique<StoreSource>(slab_store("inia19", {options.scan}, options.slabs));
     }});

}  // namespace
}  // namespace semiseg::inia19
