// SPDX-License-Identifier: Apache-2.0
// The same training on several ranks.
#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "launch/conformance/checks.h"
#include "launch/conformance/state_difference.h"
#include "launch/conformance/thread_communicator.h"
#include "launch/conformance/training.h"

namespace semiseg {
namespace {

// Sums are made in another order on several ranks.
constexpr double kRecordTolerance = 1e-10, kWeightTolerance = 1e-9, kWeightFloor = 1e-10;

struct Trained {
  Records records;
  StateMap state;
};

Trained train_on(const MethodSetup& setup, const Communicator& comm) {
  MethodUnderTest method(setup, comm);
  Records records = train_stages(method, setup, comm);
  return {.records = std::move(records), .state = state_of(method)};
}

void find_in_records(int ranks, const Records& expected, const Records& got, Findings& findings) {
  if (got.size() != expected.size()) {
    findings.push_back(fmt::format("{} ranks record {} values and one rank {}", ranks, got.size(),
                                   expected.size()));
    return;
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto& [name, value] = expected[i];
    const double scale = std::max(1e-3, std::abs(value));
    if (got[i].first == name && std::abs(got[i].second - value) <= kRecordTolerance * scale)
      continue;
    findings.push_back(fmt::format("{} ranks record {} = {} where one rank records {} = {}", ranks,
                                   got[i].first, got[i].second, name, value));
  }
}

void find_in_weights(int ranks, const StateMap& expected, const StateMap& got, Findings& findings) {
  for (const auto& [name, value] : expected) {
    const auto* tensor = std::get_if<at::Tensor>(&value);
    if (!tensor) continue;
    if (!at::allclose(std::get<at::Tensor>(got.at(name)), *tensor, kWeightTolerance, kWeightFloor))
      findings.push_back(fmt::format("{} ranks end with another {} than one rank", ranks, name));
  }
}

}  // namespace

Findings check_ranks(const MethodOnImages& method) {
  MethodSetup setup = method.setup();
  setup.batch = 12;
  setup.labelled = 6;
  const Trained alone = train_on(setup, *make_serial_communicator());
  Findings findings;
  const int64_t most = most_ranks(setup);
  for (const int size : {2, 3}) {
    if (size > most) break;  // such a run is refused
    std::vector<Trained> ranks(static_cast<size_t>(size));
    run_ranks(size, [&](const Communicator& comm) {
      ranks[static_cast<size_t>(comm.rank())] = train_on(setup, comm);
    });
    find_in_records(size, alone.records, ranks[0].records, findings);
    find_in_weights(size, alone.state, ranks[0].state, findings);
    for (size_t rank = 1; rank < ranks.size(); ++rank) {
      const auto names = differing_entries(ranks[0].state, ranks[rank].state);
      if (names.empty()) continue;
      findings.push_back(fmt::format("of {} ranks, 0 and {} end with different {}", size, rank,
                                     fmt::join(names, ", ")));
    }
  }
  return findings;
}

}  // namespace semiseg
