// SPDX-License-Identifier: Apache-2.0
#include "cluster/sweep/points.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "cluster/sweep/run_index.h"
#include "framework/core/device.h"
#include "framework/core/error.h"
#include "framework/nn/precision.h"
#include "framework/run/places.h"
#include "framework/run/run_options.h"
#include "framework/train/protocol.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

// Settings that tell repetitions of one configuration apart, and the label budget, which has a
// count of its own.
const std::vector<std::string> kRepetition = {"seed", "labelled", "labelled_draw"};

// Settings that do not change the cost of a step. The iterations are what a budget sets.
const std::vector<std::string> kCostsNothing = {"seed",
                                                "labelled",
                                                "labelled_draw",
                                                "protocol.iterations",
                                                "protocol.optimiser.learning_rate",
                                                "protocol.optimiser.weight_decay",
                                                "protocol.select",
                                                "protocol.patience",
                                                "protocol.validate_every"};

std::string hexadecimal(uint64_t hash) { return fmt::format("{:016x}", hash); }

// A configuration all of whose options have been read.
struct ReadRun {
  Config config;
  RunFolderRequest folder;
};

class PointComposer {
 public:
  explicit PointComposer(const PointsRequest& request)
      : request_(request), composer_(request.run.search) {}

  // Adds the point, or says why it is unfit.
  void add(const std::vector<Axis>& axes, const std::vector<int64_t>& choices) {
    try {
      Point point{.choices = choices};
      const ReadRun run = resolved(whole_request(axes, choices), point);
      fill(point, run.config);
      if (const auto twin = folders_.find(point.identity); twin != folders_.end()) {
        ++result_.twins;
        return;
      }
      place(point, run);
      folders_.emplace(point.identity, point.folder);
      tried_[key_of(point)].insert(run.config.identity(kRepetition));
      result_.points.push_back(std::move(point));
    } catch (const Error& error) {
      result_.unfit.push_back({overrides_of(axes, choices, /*only_swept=*/true), error});
    }
  }

  ComposedPoints finish() {
    for (Point& point : result_.points) point.tried = std::ssize(tried_.at(key_of(point)));
    return std::move(result_);
  }

 private:
  static std::tuple<std::string, std::string, std::string> key_of(const Point& point) {
    return {point.method, point.dataset, point.labelled};
  }

  ComposeRequest whole_request(const std::vector<Axis>& axes, const std::vector<int64_t>& choices) {
    ComposeRequest run = request_.run;
    run.overrides = overrides_of(axes, choices);
    return with_whole_places(std::move(run), composer_);
  }

  ReadRun read(const ComposeRequest& run) {
    Config config = composer_.compose(run);
    RunFolderRequest folder = folder_request(config);
    config.check_all_read();
    folder.now = request_.now;
    return {std::move(config), std::move(folder)};
  }

  // The run with the iterations of its budget and with what precision=auto stands for on this
  // machine, as `semiseg train` resolves it.
  ReadRun resolved(ComposeRequest request, Point& point) {
    ReadRun run = read(request);
    point.kind = hexadecimal(run.config.identity(kCostsNothing));
    if (const auto budget = request_.iterations.find(point.kind);
        budget != request_.iterations.end()) {
      point.fixed.push_back(fmt::format("++protocol.iterations={}", budget->second));
      request.overrides.push_back(point.fixed.back());
      run = read(request);
    }
    const std::string precision = ProtocolOptions::read(run.config.section("protocol")).precision;
    if (precision != "auto" || !request_.is_here) return run;
    const bool has_gpu = GeneralOptions::read(run.config).device != "cpu" && gpus_in_sight() > 0;
    std::string chosen;
    request.overrides.emplace_back();
    for (const std::string& one : precisions_of_auto(has_gpu ? at::kCUDA : at::kCPU)) {
      request.overrides.back() = "protocol.precision=" + one;
      ReadRun candidate = read(request);
      const bool is_there = index_.find(candidate.config, candidate.folder).has_value();
      if (!chosen.empty() && !is_there) continue;
      chosen = request.overrides.back();
      run = std::move(candidate);
      if (is_there) break;
    }
    point.fixed.push_back(chosen);
    return run;
  }

  void fill(Point& point, const Config& config) {
    const GeneralOptions general = GeneralOptions::read(config);
    point.identity = hexadecimal(config.identity());
    point.configuration = hexadecimal(config.identity(/*without=*/{"seed"}));
    point.method = config.section("method").required("name", "method");
    point.dataset = config.section("dataset").required("name", "data set");
    point.labelled = general.labelled;
    point.seed = general.seed;
  }

  void place(Point& point, const ReadRun& run) {
    RunFolderRequest folder = run.folder;
    if (!folder.directory.empty()) {
      if (!taken_.insert(folder.directory).second) {
        throw Error(ErrorKind::kConfig, {.what = "one run.dir cannot hold several runs",
                                         .where = folder.directory.string(),
                                         .fix = "set run.root, where each run gets a folder"});
      }
      point.folder = fs::absolute(folder.directory).lexically_normal();
      return;
    }
    folder.root = fs::absolute(folder.root).lexically_normal();
    const auto found = index_.find(run.config, folder);
    point.folder = found ? *found : index_.free_folder(folder, point.identity);
  }

  const PointsRequest& request_;
  Composer composer_;
  RunIndex index_;
  ComposedPoints result_;
  std::map<std::string, fs::path> folders_;  // by identity
  std::set<fs::path> taken_;                 // run.dir of earlier points
  std::map<std::tuple<std::string, std::string, std::string>, std::set<uint64_t>> tried_;
};

}  // namespace

ComposedPoints compose_points(const std::vector<Axis>& axes, const PointsRequest& request) {
  PointComposer composer(request);
  for (const auto& choices : all_points(axes)) composer.add(axes, choices);
  return composer.finish();
}

std::string point_text(const std::vector<Axis>& axes, const Point& point) {
  return fmt::format("{}", fmt::join(overrides_of(axes, point.choices, /*only_swept=*/true), " "));
}

}  // namespace semiseg::cluster
