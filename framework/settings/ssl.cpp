// SPDX-License-Identifier: Apache-2.0
// Semi-supervised learning: the first n patients of the training split keep their labels, the
// others are unlabelled; in a collection, the first n of each task. The published splits select and
// test.
#include "framework/data/setting.h"
#include "framework/settings/domains.h"

namespace semiseg {
namespace {

class SemiSupervised : public Setting {
 public:
  explicit SemiSupervised(std::string labelled) : labelled_(std::move(labelled)) {}

  Pools pools(const std::vector<SampleInfo>& samples,
              const std::vector<CaseInfo>& cases) const override {
    return pools_of(resolve_each(samples, cases, labelled_, tasks_of(cases), &CaseInfo::task));
  }

 private:
  std::string labelled_;
};

const bool registered = SettingRegistry::instance().add(
    {"ssl", "the first patients are labelled, the other training patients are not",
     [](const Config&, const std::string& labelled) {
       return std::make_unique<SemiSupervised>(labelled);
     }});

}  // namespace
}  // namespace semiseg
