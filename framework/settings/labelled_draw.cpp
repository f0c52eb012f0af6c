// SPDX-License-Identifier: Apache-2.0
#include "framework/settings/labelled_draw.h"

#include <algorithm>
#include <map>

#include "framework/core/random/draws.h"

namespace semiseg {
namespace {

// Domain → its patients, in the order of their first sample.
std::map<std::string, std::vector<std::string>> patients_by_domain(
    const std::vector<SampleInfo>& samples, const std::vector<CaseInfo>& cases) {
  std::map<std::string, std::vector<std::string>> domains;
  for (const SampleInfo& sample : samples) {
    const CaseInfo& owner = cases.at(sample.case_index);
    auto& patients = domains[owner.domain];
    if (std::find(patients.begin(), patients.end(), owner.patient) == patients.end())
      patients.push_back(owner.patient);
  }
  return domains;
}

void shuffle(std::vector<std::string>& patients, const std::string& domain, int64_t draw) {
  DrawSequence numbers = Draws(0).sequence("labelled_draw/" + domain, draw);
  for (size_t i = patients.size(); i > 1; --i)
    std::swap(patients[i - 1],
              patients[static_cast<size_t>(numbers.integer(0, static_cast<int64_t>(i)))]);
}

}  // namespace

std::vector<SampleInfo> drawn_order(std::vector<SampleInfo> samples,
                                    const std::vector<CaseInfo>& cases, int64_t draw) {
  if (draw == 0) return samples;
  std::map<std::string, double> places;  // of a patient, in 0 … 1 of its domain
  for (auto& [domain, patients] : patients_by_domain(samples, cases)) {
    shuffle(patients, domain, draw);
    // A shift of its own for each domain, so that no domain always comes first.
    const double shift = Draws(0).sequence("labelled_draw_shift/" + domain, draw).uniform();
    for (size_t i = 0; i < patients.size(); ++i)
      places.emplace(patients[i],
                     (static_cast<double>(i) + shift) / static_cast<double>(patients.size()));
  }
  std::stable_sort(samples.begin(), samples.end(), [&](const SampleInfo& a, const SampleInfo& b) {
    const std::string &one = cases[a.case_index].patient, &other = cases[b.case_index].patient;
    return std::pair(places.at(one), one) < std::pair(places.at(other), other);
  });
  return samples;
}

}  // namespace semiseg
