// SPDX-License-Identifier: Apache-2.0
// Semi-supervised learning: the first n patients of the training split keep their labels, the
// others are unlabelled; in a collection, the first n of each task. The published splits select and
// test.
#include "framework/data/setting.h"
#include "framework/settings/domains.h"

namespace semiseg::ssl {
namespace {

class SemiSupervised : public Setting {
 public:
  SemiSupervised(const Config& section, std::string labelled) : labelled_(std::move(labelled)) {
    section.read("balance", balance_, {"none", "tasks"},
                 "Repeats samples of a collection until every task has as many (tasks), or not "
                 "(none). Set it where the data sets differ much in size.");
  }

  Pools pools(const std::vector<SampleInfo>& samples,
              const std::vector<CaseInfo>& cases) const override {
    const Pools pools =
        pools_of(resolve_each(samples, cases, labelled_, tasks_of(cases), &CaseInfo::task));
    return balance_ == "tasks" ? with_equal_tasks(pools, cases) : pools;
  }

 private:
  std::string labelled_, balance_ = "none";
};

const bool registered = SettingRegistry::instance().add(
    {"ssl", "the first patients are labelled, the other training patients are not",
     [](const Config& section, const std::string& labelled) {
       return std::make_unique<SemiSupervised>(section, labelled);
     }});

}  // namespace
}  // namespace semiseg::ssl
