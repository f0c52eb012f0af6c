// SPDX-License-Identifier: Apache-2.0
// store: any case store, such as `semiseg convert` makes.
#include "framework/config/option_list.h"
#include "framework/data/archive/case_store.h"

namespace semiseg::store {
namespace {

struct Options {
  std::string root;

  static Options read(const Config& section) {
    return {section.required("root", "Folder made by semiseg convert.", Effect::kNone)};
  }
};

const bool registered = DatasetRegistry::instance().add(
    {.name = "store",
     .summary = "A folder made by `semiseg convert`; give dataset.root",
     .read_options = read_and_forget<Options>,
     .make = [](const Config& section) -> std::unique_ptr<DatasetSource> {
       return std::make_unique<StoreSource>(Options::read(section).root);
     }});

}  // namespace
}  // namespace semiseg::store
