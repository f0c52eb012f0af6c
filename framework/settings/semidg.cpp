// SPDX-License-Identifier: Apache-2.0
// Semi-supervised domain generalisation: the first n patients of each source domain are labelled,
// their other patients are not, and one domain is left out of training and tested (M&Ms in Wang &
// Li, NeurIPS 2023: vendors A to D). All cases of the left-out domain are tested, whatever their
// published split; validation cases of the source domains select.
#include "framework/data/setting.h"
#include "framework/settings/domains.h"

namespace semiseg::semidg {
namespace {

class DomainGeneralisation : public Setting {
 public:
  DomainGeneralisation(const Config& section, std::string labelled)
      : section_(section), labelled_(std::move(labelled)) {
    left_out_ = section.required("left_out", "Domain that is absent from training and is tested.");
  }

  std::vector<Split> splits(const std::vector<CaseInfo>& cases) const override {
    check_domain(section_, "left_out", left_out_, cases);
    std::vector<Split> splits;
    for (const CaseInfo& one : cases) {
      if (one.domain == left_out_) splits.push_back(Split::kTest);
      if (one.domain != left_out_)
        splits.push_back(one.split == Split::kTest ? Split::kUnused : one.split);
    }
    return splits;
  }

  Pools pools(const std::vector<SampleInfo>& samples,
              const std::vector<CaseInfo>& cases) const override {
    return pools_of(resolve_each(samples, cases, labelled_, domains_of(cases), &CaseInfo::domain));
  }

 private:
  Config section_;
  std::string labelled_, left_out_;
};

const bool registered = SettingRegistry::instance().add(
    {"semidg", "few labelled patients of each source domain; a domain left out is tested",
     [](const Config& section, const std::string& labelled) {
       return std::make_unique<DomainGeneralisation>(section, labelled);
     }});

}  // namespace
}  // namespace semiseg::semidg
