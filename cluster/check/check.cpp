// SPDX-License-Identifier: Apache-2.0
#include "cluster/check/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "cluster/check/case_check.h"
#include "cluster/check/request_check.h"
#include "cluster/sweep/points.h"
#include "cluster/sweep/sweep_options.h"
#include "framework/core/error.h"
#include "framework/core/process.h"
#include "framework/record/shown_text.h"
#include "framework/run/places.h"
#include "framework/run/run.h"

namespace semiseg::cluster {
namespace fs = std::filesystem;
namespace {

// More kinds of points than this are composed, and not assembled: each takes about a second.
constexpr size_t kMostAssembled = 64;

// Points that differ only where a check cannot see it: the first is checked for all.
struct Kind {
  const Point* first;
  int64_t points = 0;
};

class Checker {
 public:
  Checker(const SplitRequest& request, World& world)
      : request_(request), world_(world), axes_(parse_axes(request.run.overrides)) {}

  CheckResult run() {
    if (!note("the launch", [&] { read_request(); })) return result_;
    const ComposedPoints composed =
        compose_points(axes_, {.run = request_.run, .is_here = is_here_, .now = now_seconds()});
    result_.points = std::ssize(composed.points) + std::ssize(composed.unfit);
    for (const UnfitPoint& unfit : composed.unfit) {
      const std::string text = fmt::format("{}", fmt::join(unfit.overrides, " "));
      add(text.empty() ? "the run" : text, unfit.error);
    }
    if (!is_here_) check_folder("sweep.root", options_.root);
    for (const auto& [kind, members] : kinds_of(composed.points)) {
      ++result_.kinds;
      if (static_cast<size_t>(result_.assembled) < kMostAssembled) check_kind(members);
    }
    merge_same();
    return std::move(result_);
  }

 private:
  void read_request() {
    const LaunchSetup setup = read_launch(request_.launch);
    options_ = setup.options;
    is_here_ = setup.launcher.is_here;
    if (is_here_) return;
    const Config launch = compose(request_.launch);
    launcher_entry(launch);
    resources_ = ResourceRequest::of(read_resources(launch.section("cluster"), environment()));
  }

  // Points that differ in the seed alone.
  static std::map<std::string, Kind> kinds_of(const std::vector<Point>& points) {
    std::map<std::string, Kind> kinds;
    for (const Point& point : points) {
      Kind& kind = kinds.try_emplace(point.configuration, Kind{&point}).first->second;
      ++kind.points;
    }
    return kinds;
  }

  void add(const std::string& where, const std::string& what, const std::string& fix) {
    result_.defects.push_back({where, one_line(what), one_line(fix)});
  }

  void add(const std::string& where, const Error& error) {
    const ErrorParts& p = error.parts();
    std::string what = p.what;
    if (!p.where.empty()) what += " (" + p.where + ")";
    if (!p.expected.empty()) what += "; expected: " + p.expected;
    if (!p.got.empty()) what += "; got: " + p.got;
    add(where, what, p.fix);
  }

  // Returns whether the action found nothing.
  bool note(const std::string& where, const std::function<void()>& action) {
    try {
      action();
      return true;
    } catch (const Error& error) {
      add(where, error);
    } catch (const std::exception& error) {
      const std::string text = error.what();
      add(where, text.substr(0, text.find('\n')), "");
    }
    return false;
  }

  std::string text_of(const Kind& kind) const {
    const std::string text = point_text(axes_, *kind.first);
    const std::string more = kind.points > 1 ? fmt::format(" and {} more", kind.points - 1) : "";
    return (text.empty() ? kind.first->method : text) + more;
  }

  void check_kind(const Kind& kind) {
    const std::string where = text_of(kind);
    ++result_.assembled;
    ComposeRequest run = request_.run;
    run.overrides = overrides_of(axes_, kind.first->choices);
    run.overrides.insert(run.overrides.end(), kind.first->fixed.begin(), kind.first->fixed.end());
    run = with_whole_places(std::move(run));
    const Config config = compose(run);
    if (!is_here_) {
      check_folder("run.root", kind.first->folder.parent_path());
      note(where, [&] { check_data_folder(config); });
    }
    const bool is_whole = note(where, [&] {
      const Run made = Run::assemble(compose(on_processor(run)), world_, Start::kCheckpoint);
      check_every_case(made.data);
      check_ranks(made.model);
    });
    if (is_whole) note(where, [&] { check_memory(where, run); });
  }

  // Throws kConfig when the batch is too small for the ranks.
  void check_ranks(const RunModel& model) const {
    for (const Stage& stage : model.method->plan().stages)
      share(stage.streams, stage.colocated, 0, static_cast<int>(resources_.ranks));
  }

  void check_data_folder(const Config& config) {
    const Config dataset = config.section("dataset");
    std::string root;
    dataset.read("root", root, "folder of the data set");
    if (!root.empty()) check_folder("dataset.root", root);
  }

  void check_folder(const std::string& key, const fs::path& folder) {
    if (!looked_at_.insert(folder).second) return;
    const std::string why = node_local(folder);
    if (why.empty()) return;
    add(key, fmt::format("other nodes do not see {} ({})", fs::absolute(folder).string(), why),
        fmt::format("set {} to a folder on a disk that all nodes share", key));
  }

  void check_memory(const std::string& where, const ComposeRequest& run) {
    const MemoryEstimate m = estimate_memory(run, world_, resources_.ranks);
    const double host = m.host(resources_.has_gpu);
    result_.memory.push_back({where, host, resources_.has_gpu ? m.gpu() : 0});
    if (resources_.node_bytes) {
      const int64_t on_a_node = resources_.ranks_per_node * options_.sharing.pack;
      const double needed = host * static_cast<double>(on_a_node);
      if (needed > *resources_.node_bytes) {
        add(where,
            fmt::format("{} ranks on a node need about {}, and cluster.mem is {}", on_a_node,
                        bytes_text(needed), bytes_text(*resources_.node_bytes)),
            fmt::format("cluster.mem={:.0f}M, or fewer ranks on a node", needed / (1 << 20)));
      }
    }
    const auto at_once = static_cast<double>(std::max<int64_t>(1, options_.sharing.at_once));
    if (is_here_ && host * at_once > available_bytes()) {
      add(where,
          fmt::format("{:.0f} at a time need about {}, and this machine has {} free", at_once,
                      bytes_text(host * at_once), bytes_text(available_bytes())),
          "fewer at a time (sweep.at_once), a smaller protocol.batch or loader.cache_mb");
    }
  }

  // One line for a defect that several kinds of points share.
  void merge_same() {
    std::map<std::pair<std::string, std::string>, size_t> first;
    std::vector<Defect> merged;
    std::map<size_t, int64_t> more;
    for (const Defect& defect : result_.defects) {
      const auto [entry, is_new] = first.emplace(std::pair(defect.what, defect.fix), merged.size());
      if (is_new) merged.push_back(defect);
      if (!is_new) ++more[entry->second];
    }
    for (const auto& [index, count] : more)
      merged[index].where += fmt::format(" (and {} more)", count);
    result_.defects = std::move(merged);
  }

  const SplitRequest& request_;
  World& world_;
  std::vector<Axis> axes_;
  SweepOptions options_;
  ResourceRequest resources_;
  bool is_here_ = true;
  std::set<fs::path> looked_at_;
  CheckResult result_;
};

}  // namespace

CheckResult check(const SplitRequest& request, World& world) {
  return Checker(request, world).run();
}

}  // namespace semiseg::cluster
