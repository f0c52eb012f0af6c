// SPDX-License-Identifier: Apache-2.0
// inia19: the averaged brain of 19 rhesus macaques with the classes of colin27, a second species
// for questions of domain shift. It is one image: slabs of axial slices stand for patients, and
// scores are no generalisation to animals.
#include "datasets/mricron_scans.h"

namespace semiseg {
namespace {

const bool registered = DatasetRegistry::instance().add(
    {.name = "inia19",
     .summary = "one averaged macaque brain (T1, the classes of colin27) cut into slabs, from "
                "Debian's mricron-data; one image, so scores do not speak of other animals",
     .make = [](const Config& config) -> std::unique_ptr<DatasetSource> {
       SlabOptions options{.slab_slices = 6, .gap_slices = 2, .reduce = 1, .root = ""};
       options.read(config);
       return std::make_unique<StoreSource>(slab_store("inia19", {inia19_scan(config)}, options));
     }});

}  // namespace
}  // namespace semiseg
