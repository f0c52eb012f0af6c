// SPDX-License-Identifier: Apache-2.0
#include "cluster/budget/step_costs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cluster/sweep/ledger.h"
#include "framework/core/error.h"
#include "framework/core/log.h"
#include "framework/core/own_file.h"
#include "framework/files/json.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

void check_cost(const StepCost& cost) {
  const double seconds = cost.seconds();
  if (!std::isfinite(seconds) || seconds <= 0) throw std::out_of_range("seconds of a step");
}

}  // namespace

double StepCost::seconds() const {
  double sum = 0;
  for (const StageCost& stage : stages) sum += stage.share * stage.seconds;
  return std::stod(fmt::format("{:.3g}", sum));
}

int64_t iterations_in(double budget, const StepCost& cost) {
  constexpr double kRounding = 1e-9;  // 0.3 s are three steps of 0.1 s
  const double iterations = std::floor(budget / cost.seconds() * (1 + kRounding));
  if (iterations >= static_cast<double>(kLeastIterations)) return static_cast<int64_t>(iterations);
  throw Error(ErrorKind::kConfig,
              {.what = "the budget is too short to train",
               .where = to_text(cost),
               .expected = fmt::format("at least {} iterations: {:.4g} s", kLeastIterations,
                                       static_cast<double>(kLeastIterations) * cost.seconds()),
               .got = fmt::format("{:.4g} s: {:.0f} iterations", budget, iterations),
               .fix = "raise sweep.budget"});
}

std::string to_text(const StepCost& cost) {
  return fmt::format("{}, {}, {}, batch {} of {}: {:.3g} s a step", cost.method, cost.backbone,
                     cost.dataset, cost.batch, fmt::join(cost.patch, " × "), cost.seconds());
}

std::string budget_line(double budget, const StepCost& cost) {
  const std::string where =
      cost.ranks > 1
          ? fmt::format("{} ranks on {}", cost.ranks, cost.device)
          : fmt::format("{}, {} thread{}", cost.device, cost.threads, cost.threads == 1 ? "" : "s");
  return fmt::format("{} ({} of {}), {} iterations in {:.6g} s", to_text(cost), where, cost.host,
                     iterations_in(budget, cost), budget);
}

std::string cost_json(const StepCost& cost) {
  Json json = {{"kind", cost.kind},       {"method", cost.method},   {"backbone", cost.backbone},
               {"dataset", cost.dataset}, {"patch", cost.patch},     {"batch", cost.batch},
               {"host", cost.host},       {"device", cost.device},   {"threads", cost.threads},
               {"ranks", cost.ranks},     {"stages", Json::array()}, {"seconds", cost.seconds()}};
  for (const StageCost& stage : cost.stages)
    json["stages"].push_back(
        {{"name", stage.name}, {"share", stage.share}, {"seconds", stage.seconds}});
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

StepCost cost_of(const std::string& text) {
  check_json_bounds(text, "step cost");
  const Json json = Json::parse(text);
  StepCost cost{.kind = json.at("kind"),
                .method = json.at("method"),
                .backbone = json.at("backbone"),
                .dataset = json.at("dataset"),
                .patch = json.at("patch").get<std::vector<int64_t>>(),
                .batch = whole_number(json.at("batch")),
                .host = json.at("host"),
                .device = json.at("device"),
                .threads = whole_number(json.at("threads")),
                .ranks = whole_number(json.at("ranks"))};
  for (const Json& stage : json.at("stages"))
    cost.stages.push_back({stage.at("name"), stage.at("share"), stage.at("seconds")});
  check_cost(cost);
  return cost;
}

void append_cost(const fs::path& file, const StepCost& cost) {
  if (file.has_parent_path()) fs::create_directories(file.parent_path());
  append_lines(file, "the costs of steps", cost_json(cost) + "\n");
}

std::map<std::string, StepCost> read_costs(const fs::path& file) {
  std::map<std::string, StepCost> costs;
  if (!fs::exists(file)) return costs;
  const std::string text = read_own_file(file);
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    if (end == begin) continue;
    try {
      StepCost cost = cost_of(text.substr(begin, end - begin));
      costs.emplace(cost.kind, std::move(cost));
    } catch (const std::exception&) {
      log::warn("a line of {} is damaged and left out", file.string());
    }
  }
  return costs;
}

}  // namespace semiseg::cluster
