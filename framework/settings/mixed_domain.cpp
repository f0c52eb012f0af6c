// SPDX-License-Identifier: Apache-2.0
// Mixed-domain semi-supervised segmentation: the first n patients of one domain are labelled, all
// other training patients of all domains are unlabelled, and every domain is tested (Ma et al.,
// CVPR 2024, MiDSS). The reference counts slices, here patients are labelled whole: slices of one
// patient on both sides would leak labels.
#include "framework/data/label_budget.h"
#include "framework/data/setting.h"
#include "framework/settings/domains.h"

namespace semiseg::mixed_domain {
namespace {

class MixedDomain : public Setting {
 public:
  MixedDomain(const Config& section, std::string labelled)
      : section_(section), labelled_(std::move(labelled)) {
    domain_ = section.required("labelled_domain", "Domain whose first patients are labelled.");
  }

  std::vector<Split> splits(const std::vector<CaseInfo>& cases) const override {
    check_domain(section_, "labelled_domain", domain_, cases);
    return Setting::splits(cases);
  }

  Pools pools(const std::vector<SampleInfo>& samples,
              const std::vector<CaseInfo>& cases) const override {
    const std::vector<SampleInfo> here =
        samples_of(samples, cases, [&](const CaseInfo& one) { return one.domain == domain_; });
    LabelBudget budget = resolve_budget(here, cases, labelled_);
    const std::vector<SampleInfo> elsewhere =
        samples_of(samples, cases, [&](const CaseInfo& one) { return one.domain != domain_; });
    budget.unlabelled.insert(budget.unlabelled.end(), elsewhere.begin(), elsewhere.end());
    return pools_of(budget);
  }

 private:
  Config section_;
  std::string labelled_, domain_;
};

const bool registered = SettingRegistry::instance().add(
    {"mixed_domain", "labels from one domain, unlabelled images from all, every domain tested",
     [](const Config& section, const std::string& labelled) {
       return std::make_unique<MixedDomain>(section, labelled);
     }});

}  // namespace
}  // namespace semiseg::mixed_domain
