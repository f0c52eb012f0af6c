// SPDX-License-Identifier: Apache-2.0
#include "framework/settings/domains.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "framework/core/nearest.h"

namespace semiseg {

void check_domain(const Config& section, const std::string& key, const std::string& domain,
                  const std::vector<CaseInfo>& cases) {
  std::vector<std::string> domains = domains_of(cases);
  if (std::find(domains.begin(), domains.end(), domain) != domains.end() && !domain.empty()) return;
  std::erase(domains, "");
  if (domains.empty()) {
    section.fail(key, "this setting needs domains, and the data set names none",
                 "a data set whose cases have a domain (scanner, vendor, modality or site)",
                 "choose another data set, or setting=ssl");
  }
  section.fail(key, fmt::format("the data set has no domain '{}'", domain),
               suggestion(domain, domains));
}

std::vector<SampleInfo> samples_of(const std::vector<SampleInfo>& samples,
                                   const std::vector<CaseInfo>& cases,
                                   const std::function<bool(const CaseInfo&)>& is_wanted) {
  std::vector<SampleInfo> wanted;
  for (const SampleInfo& sample : samples) {
    if (is_wanted(cases.at(sample.case_index))) wanted.push_back(sample);
  }
  return wanted;
}

LabelBudget resolve_each(const std::vector<SampleInfo>& samples, const std::vector<CaseInfo>& cases,
                         const std::string& labelled, const std::vector<std::string>& groups,
                         const std::string CaseInfo::*field) {
  LabelBudget all;
  const auto append = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  for (const std::string& group : groups) {
    const std::vector<SampleInfo> members =
        samples_of(samples, cases, [&](const CaseInfo& one) { return one.*field == group; });
    if (members.empty()) continue;
    const LabelBudget one = resolve_budget(members, cases, labelled);
    append(all.labelled, one.labelled);
    append(all.unlabelled, one.unlabelled);
    append(all.patients, one.patients);
  }
  all.hash = hash_patients(all.patients);
  return all;
}

Pools with_equal_tasks(Pools pools, const std::vector<CaseInfo>& cases) {
  for (Pool& pool : pools.pools) {
    std::vector<std::vector<size_t>> members;
    size_t largest = 0;
    for (const std::string& task : tasks_of(cases)) {
      std::vector<size_t>& own = members.emplace_back();
      for (const size_t member : pool.members) {
        if (cases.at(pools.samples[member].case_index).task == task) own.push_back(member);
      }
      largest = std::max(largest, own.size());
    }
    pool.members.clear();
    for (const std::vector<size_t>& own : members) {
      for (size_t i = 0; i < largest && !own.empty(); ++i)
        pool.members.push_back(own[i % own.size()]);
    }
  }
  return pools;
}

}  // namespace semiseg
