// SPDX-License-Identifier: Apache-2.0
#include "cluster/check/case_check.h"

#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/data/archive/case_store.h"

namespace semiseg::cluster {
namespace {

[[noreturn]] void fail_label(const CaseInfo& info, const std::string& use) {
  throw Error(ErrorKind::kData,
              {.what = fmt::format("case {} has no ground truth and is {}", info.id, use),
               .where = fmt::format("patient {}, split {}", info.patient, to_string(info.split)),
               .fix = "add its label, or move the case to another split"});
}

void check_labelled(const RunData& data) {
  for (const size_t member : data.pools.find("labelled").members) {
    const CaseInfo& info = data.source->cases()[data.pools.samples[member].case_index];
    if (!info.has_label) fail_label(info, "among the labelled ones");
  }
}

}  // namespace

void check_every_case(const RunData& data) {
  check_labelled(data);
  const auto* store = dynamic_cast<const StoreSource*>(data.source.get());
  const auto& cases = data.source->cases();
  for (size_t i = 0; i < cases.size(); ++i) {
    const bool is_measured = cases[i].split == Split::kVal || cases[i].split == Split::kTest;
    if (!is_measured) continue;
    if (!cases[i].has_label) fail_label(cases[i], "measured");
    if (store != nullptr) {
      store->recorded_hash(i);
    } else if (!data.source->load(i).label.defined()) {
      fail_label(cases[i], "measured");
    }
  }
}

}  // namespace semiseg::cluster
