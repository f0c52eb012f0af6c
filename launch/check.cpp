// SPDX-License-Identifier: Apache-2.0
// semiseg check: every defect of a run or a sweep before it waits in a queue.
#include "cluster/check/check.h"

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cluster/check/request_check.h"
#include "framework/run/world.h"
#include "launch/command_line/benchmark_choice.h"
#include "launch/command_line/compose_flags.h"

namespace semiseg {
namespace {
using namespace cluster;

std::string to_json(const CheckResult& result) {
  using Json = nlohmann::ordered_json;
  Json json = {{"points", result.points},
               {"kinds", result.kinds},
               {"assembled", result.assembled},
               {"defects", Json::array()},
               {"memory", Json::array()}};
  for (const Defect& d : result.defects)
    json["defects"].push_back({{"where", d.where}, {"what", d.what}, {"fix", d.fix}});
  for (const MemoryLine& m : result.memory) {
    json["memory"].push_back({{"where", m.points},
                              {"host_bytes", static_cast<int64_t>(m.host)},
                              {"gpu_bytes", static_cast<int64_t>(m.gpu)}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void print(const CheckResult& result) {
  for (const MemoryLine& m : result.memory) {
    const std::string gpu = m.gpu > 0 ? fmt::format(", {} of a GPU", bytes_text(m.gpu)) : "";
    std::cout << fmt::format("memory  {}: about {} of the host{} for each rank\n", m.points,
                             bytes_text(m.host), gpu);
  }
  for (const Defect& d : result.defects) {
    const std::string fix = d.fix.empty() ? "" : " → " + d.fix;
    std::cout << fmt::format("DEFECT  {}: {}{}\n", d.where, d.what, fix);
  }
  if (result.assembled < result.kinds) {
    std::cout << fmt::format(
        "{} of {} kinds of runs were assembled; the others were composed only\n", result.assembled,
        result.kinds);
  }
  std::cout << fmt::format("{} runs checked, {} defects\n", result.points, result.defects.size());
}

}  // namespace

int run_check(const Arguments& arguments) {
  Flags flags("check",
              "Composes every run, opens its data, makes splits, batches and networks, estimates "
              "memory and looks at folders, without a GPU. Exit code 1: there are defects.",
              "example: semiseg check method=bcp,transmedseg dataset=acdc dataset.root=/data/ACDC "
              "labelled=3,7 cluster=slurm\n"
              "The arguments are those of semiseg train and semiseg sweep.");
  ComposeFlags configuration;
  configuration.add_to(flags);
  bool as_json = false;
  flags.add("--json", as_json, "print the result as JSON");
  if (const auto code = flags.parse(arguments)) return *code;
  World world;
  const CheckResult result = check(split_request(with_benchmark(configuration.request())), world);
  if (as_json) {
    std::cout << to_json(result);
  } else {
    print(result);
  }
  return result.defects.empty() ? 0 : 1;
}

}  // namespace semiseg
