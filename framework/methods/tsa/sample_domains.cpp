// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/tsa/sample_domains.h"

#include <ATen/Functions.h>

#include <string>

#include "framework/core/error.h"

namespace semiseg {

SampleDomains::SampleDomains(const Batch& batch) {
  for (const Stream& stream : batch.streams) {
    if (!stream.domain.defined()) continue;
    const at::Tensor domain = stream.domain.contiguous();
    for (int64_t i = 0; i < stream.size(); ++i)
      domains_[stream.samples[static_cast<size_t>(i)]] = domain.const_data_ptr<int64_t>()[i];
  }
}

int64_t SampleDomains::of(int64_t sample) const {
  const auto found = domains_.find(sample);
  SEMISEG_CHECK(found != domains_.end(),
                "the batch knows no domain of sample " + std::to_string(sample));
  return found->second;
}

at::Tensor SampleDomains::of(const SampleIds& samples) const {
  std::vector<int64_t> domains;
  for (const int64_t sample : samples) domains.push_back(of(sample));
  return at::tensor(domains, at::kLong);
}

std::vector<LabelledLogits> SampleDomains::with_tables(
    const std::vector<ClassPixels>& parts, const std::vector<at::Tensor>& tables) const {
  std::vector<LabelledLogits> passes;
  for (const ClassPixels& part : parts) {
    const auto size = std::ssize(part.samples);
    // A rank without samples has its part in the sums over ranks.
    if (size == 0) passes.push_back({part.logits, part.label, tables.front()});
    for (int64_t first = 0, end = 0; first < size; first = end) {
      const int64_t domain = of(part.samples[static_cast<size_t>(first)]);
      while (end < size && of(part.samples[static_cast<size_t>(end)]) == domain) ++end;
      passes.push_back({part.logits.slice(0, first, end), part.label.slice(0, first, end),
                        tables.at(static_cast<size_t>(domain))});
    }
  }
  return passes;
}

}  // namespace semiseg
