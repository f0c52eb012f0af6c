// SPDX-License-Identifier: Apache-2.0
#include "launch/evaluate/label_files.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/ignore_label.h"
#include "framework/metrics/case_metrics.h"
#include "framework/scans/grid_match.h"
#include "framework/scans/image_file.h"
#include "launch/evaluate/grid.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kLabels = 256;  // values of a byte

struct Pair {
  fs::path prediction, reference;
};

[[noreturn]] void fail(ErrorKind kind, const std::string& what, const fs::path& where,
                       const std::string& fix = "") {
  throw Error(kind, {.what = what, .where = where.string(), .fix = fix});
}

// Returns the files by name without ending. Two files of one name are ambiguous: their path is
// empty.
std::map<std::string, fs::path> files_in(const fs::path& folder) {
  if (!fs::is_directory(folder)) {
    fail(ErrorKind::kConfig,
         fs::exists(folder) ? "this is a file, not a folder" : "there is no such folder", folder,
         "name the folder that holds the label files");
  }
  std::map<std::string, fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file() || !is_image_file(entry.path())) continue;
    if (entry.path().filename().string().starts_with(".")) continue;  // "._x" of a Mac
    const auto [place, is_new] = files.emplace(image_stem(entry.path()), entry.path());
    if (!is_new) place->second.clear();
  }
  return files;
}

// "la_003_0000" → "la_003": predictions of nnU-Net's images may keep the ending of the channel.
std::string without_channel(const std::string& name) {
  const size_t mark = name.rfind("_0000");
  return mark != name.npos && mark > 0 && mark + 5 == name.size() ? name.substr(0, mark) : name;
}

using Files = std::map<std::string, fs::path>;

Files::const_iterator prediction_of(const std::string& name, const Files& predictions) {
  const auto found = predictions.find(name);
  return found != predictions.end() ? found : predictions.find(name + "_0000");
}

class Comparison {
 public:
  explicit Comparison(const EvaluateFiles& request) : request_(request) {
    request.choose(options_);
    check_classes();
    read_spacing();
  }

  const EvaluatorOptions& options() const { return options_; }
  const std::vector<std::string>& failures() const { return failures_; }

  // Measures all files in the order of their names. Files that cannot be matched or measured become
  // failures.
  void measure_all() {
    const auto predictions = files_in(request_.predictions),
               references = files_in(request_.references);
    for (const auto& [name, reference] : references) {
      const auto prediction = prediction_of(name, predictions);
      attempt(name, [&, &name = name, &reference = reference] {
        if (prediction == predictions.end())
          fail(ErrorKind::kData, "no prediction has this name", reference);
        measure(name, {prediction->second, reference});
      });
    }
    for (const auto& [name, prediction] : predictions) {
      if (references.contains(name) || references.contains(without_channel(name))) continue;
      extra_.push_back(name);
    }
  }

  // Returns the predictions without a reference.
  const std::vector<std::string>& extra() const { return extra_; }

  // Returns the rows of the named classes or, without names, of the labels that occur in some file:
  // a mask of 0 and 255 has one class.
  std::vector<EvaluationRow> rows() const {
    std::vector<EvaluationRow> kept;
    for (const EvaluationRow& row : rows_) {
      if (request_.classes.empty() ? seen_.contains(row.label)
                                   : row.label <= std::ssize(request_.classes))
        kept.push_back(row);
    }
    return kept;
  }

 private:
  void check_classes() const {
    if (options_.asks_for("calibration")) {
      throw Error(ErrorKind::kConfig, {.what = "label files hold no probabilities to calibrate",
                                       .where = "--metrics",
                                       .expected = "components, or a run"});
    }
    if (options_.class_tolerances.empty()) return;
    if (request_.classes.empty()) {
      throw Error(ErrorKind::kConfig, {.what = "a tolerance for each class needs their names",
                                       .where = "--tolerance",
                                       .expected = "--classes with it"});
    }
    std::vector<std::string> classes = {"background"};
    classes.insert(classes.end(), request_.classes.begin(), request_.classes.end());
    options_.check_classes(classes);
  }

  void read_spacing() {
    const std::string text = request_.spacing.empty() ? "file" : request_.spacing;
    options_.unit = text == "voxel" ? DistanceUnit::kVoxel : DistanceUnit::kMillimetre;
    if (text == "voxel" || text == "file") return;
    const char* at = text.data();
    const char* const end = at + text.size();
    for (int axis = 0; axis < 3; ++axis) {
      double value = 0;
      const auto [next, code] = std::from_chars(at, end, value);
      const bool last = axis == 2;
      if (code != std::errc() || !(value > 0) || (last ? next != end : next == end || *next != ','))
        throw Error(ErrorKind::kConfig,
                    {.what = "not a spacing",
                     .where = "--spacing",
                     .expected = "file, voxel, or three numbers in mm: 10,1.25,1.25",
                     .got = "'" + text + "'"});
      spacing_.push_back(value);
      at = next + 1;
    }
  }

  template <class Action>
  void attempt(const std::string& name, const Action& action) {
    try {
      action();
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kConfig) throw;
      failures_.push_back(name + ": " + error.what());
    } catch (const std::exception& error) {
      failures_.push_back(name + ": " + error.what());
    }
  }

  LabelMap read(const std::string& name, const fs::path& path, const fs::path& folder,
                std::optional<int64_t> ignore_label) const {
    if (path.empty()) {
      fail(ErrorKind::kData, "several files have the name '" + name + "'", folder);
    }
    LabelMap map = read_label_map(path, {.allow_missing_affine = request_.allow_missing_affine,
                                         .label_values = request_.label_values,
                                         .ignore_label = ignore_label});
    const at::Tensor classes =
        ignore_label ? map.label.masked_fill(map.label == kIgnoreLabel, 0) : map.label;
    const int64_t last = classes.numel() > 0 ? classes.max().item<int64_t>() : 0;
    if (!request_.classes.empty() && last > std::ssize(request_.classes)) {
      throw Error(ErrorKind::kData, {.what = fmt::format("label {} has no class", last),
                                     .where = path.string(),
                                     .expected = fmt::format("0 to {}, as --classes names",
                                                             request_.classes.size())});
    }
    return map;
  }

  void measure(const std::string& name, const Pair& files) {
    const LabelMap reference =
        read(name, files.reference, request_.references, request_.ignore_label);
    LabelMap prediction = read(name, files.prediction, request_.predictions, std::nullopt);
    const bool fits =
        match_axes(prediction.geometry, reference.geometry, request_.grid_tolerance).has_value();
    if (request_.resample && !fits) {
      prediction = on_grid(prediction, reference.geometry);
    } else {
      prediction.label = onto_grid(
          prediction.label, prediction.geometry, files.prediction, reference.geometry,
          files.reference, request_.grid_tolerance,
          "prediction and reference lie on different grids (--resample brings predictions onto "
          "the references' grids)");
    }
    add_rows(name, prediction.label, reference);
  }

  void add_rows(const std::string& name, const at::Tensor& prediction, const LabelMap& reference) {
    MetricOptions metric_options{.empty = options_.empty,
                                 .definition = metric_definition(options_.definition),
                                 .tolerance = options_.tolerance,
                                 .class_tolerances = options_.class_tolerances,
                                 .has_ignore_label = request_.ignore_label.has_value()};
    metric_options.components = options_.asks_for("components");
    // Labels without a name do not occur: read() refuses them.
    if (!metric_options.class_tolerances.empty())
      metric_options.class_tolerances.resize(kLabels - 1, options_.tolerance);
    if (options_.unit == DistanceUnit::kMillimetre) {
      const auto& of_file = reference.geometry.spacing_mm;
      metric_options.spacing =
          spacing_.empty() ? std::vector<double>(of_file.begin(), of_file.end()) : spacing_;
    }
    const auto metrics = case_metrics(prediction, reference.label, kLabels, metric_options);
    const auto named = static_cast<int64_t>(request_.classes.size());
    for (int64_t label = 1; label < kLabels; ++label) {
      const ClassMetrics& m = metrics[static_cast<size_t>(label - 1)];
      if (!m.both_empty()) seen_.insert(label);
      rows_.push_back({.case_id = name,
                       .patient = "",
                       .centre = "",
                       .label = label,
                       .class_name = label <= named
                                         ? request_.classes[static_cast<size_t>(label - 1)]
                                         : std::to_string(label),
                       .metrics = m});
    }
  }

  const EvaluateFiles& request_;
  EvaluatorOptions options_;
  std::vector<double> spacing_;  // value of --spacing D,H,W
  std::vector<EvaluationRow> rows_;
  std::vector<std::string> failures_, extra_;
  std::set<int64_t> seen_;  // labels that occur in any file
};

}  // namespace

MeasuredFiles EvaluateFiles::measure() const {
  Comparison comparison(*this);
  comparison.measure_all();
  return {comparison.rows(), comparison.options(), comparison.failures(), comparison.extra()};
}

}  // namespace semiseg
