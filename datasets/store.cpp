// SPDX-License-Identifier: Apache-2.0
// store: any case store, such as `semiseg convert` makes.
#include "framework/data/case_store.h"

namespace semiseg {
namespace {

const bool registered = DatasetRegistry::instance().add(
    {.name = "store",
     .summary = "a folder made by `semiseg convert`",
     .make = [](const Config& options) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<StoreSource>(
           options.required("root", "folder made by semiseg convert"));
     }});

}  // namespace
}  // namespace semiseg
