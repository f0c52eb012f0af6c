// SPDX-License-Identifier: Apache-2.0
// Unsupervised domain adaptation: labels come from a source domain, unlabelled images from a target
// domain, which is tested (MMWHS in Wang & Li, NeurIPS 2023: CT to MR and back). Source cases of
// the validation split select, since the target has no labels; `select` takes the target's as the
// published tables do.
#include "framework/data/label_budget.h"
#include "framework/data/setting.h"
#include "framework/settings/domains.h"

namespace semiseg::uda {
namespace {

class DomainAdaptation : public Setting {
 public:
  DomainAdaptation(const Config& section, std::string labelled)
      : section_(section), labelled_(std::move(labelled)) {
    source_ = section.required("source", "Domain whose training patients are labelled.");
    target_ = section.required("target", "Domain of the unlabelled images, which is tested.");
    section.read("select", select_, {"source", "target"},
                 "Domain of the validation cases that select the weights. Set target to repeat "
                 "published tables, which use labels that an adaptation does not have.");
    if (source_ == target_)
      section.fail("target", "source and target are the same domain", "two domains");
  }

  std::vector<Split> splits(const std::vector<CaseInfo>& cases) const override {
    check_domain(section_, "source", source_, cases);
    check_domain(section_, "target", target_, cases);
    const std::string& selecting = select_ == "source" ? source_ : target_;
    std::vector<Split> splits;
    for (const CaseInfo& one : cases) {
      const bool is_kept = one.split == Split::kTrain
                               ? one.domain == source_ || one.domain == target_
                           : one.split == Split::kVal ? one.domain == selecting
                                                      : one.domain == target_;
      splits.push_back(is_kept ? one.split : Split::kUnused);
    }
    return splits;
  }

  Pools pools(const std::vector<SampleInfo>& samples,
              const std::vector<CaseInfo>& cases) const override {
    const auto in = [](const std::string& domain) {
      return [domain](const CaseInfo& one) { return one.domain == domain; };
    };
    LabelBudget budget = resolve_budget(samples_of(samples, cases, in(source_)), cases, labelled_);
    budget.unlabelled = samples_of(samples, cases, in(target_));
    // pools_of() would take the labelled images instead.
    if (budget.unlabelled.empty()) {
      section_.fail("target", "the target domain has no training case, so nothing is unlabelled",
                    "a domain with cases in the training split");
    }
    return pools_of(budget);
  }

 private:
  Config section_;
  std::string labelled_, source_, target_, select_ = "source";
};

const bool registered = SettingRegistry::instance().add(
    {"uda", "labels from a source domain, unlabelled images and test from a target domain",
     [](const Config& section, const std::string& labelled) {
       return std::make_unique<DomainAdaptation>(section, labelled);
     }});

}  // namespace
}  // namespace semiseg::uda
