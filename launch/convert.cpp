// SPDX-License-Identifier: Apache-2.0
// semiseg convert INPUT… OUTPUT: scans into a data set of the project's own form.
#include "datasets/convert.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>

#include "framework/core/error.h"
#include "framework/record/progress.h"
#include "launch/command_line.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

struct Flags {
  std::vector<fs::path> places;  // inputs and, last, the output
  fs::path labels;
  std::string name;
  std::vector<double> spacing, window;
  ConvertRequest request;

  void add_to(CLI::App& app) {
    Preparation& how = request.preparation;
    app.add_option("places", places, "INPUT… OUTPUT: image files, folders of them or DICOM folders")
        ->required()
        ->expected(2, -1);
    app.add_option("--labels", labels, "folder of label maps, each called as its image");
    app.add_option("--classes", request.classes, "names, background first: background,heart")
        ->delimiter(',')
        ->allow_extra_args(false);
    app.add_option("--label-values", how.label_values,
                   "values in the label files, one for each class: 0,255")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::Range(0, 255));
    app.add_option("--modalities", how.channels,
                   "endings of the stems of one case's files, a channel each: _t1,_t2")
        ->delimiter(',')
        ->allow_extra_args(false);
    app.add_option("--orientation", how.orientation,
                   "canonical: D upwards, H to the front, W to the right, or as near as the axes "
                   "are; stored: the file's order, for stacks of oblique slices")
        ->check(CLI::IsMember({"canonical", "stored"}))
        ->capture_default_str();
    app.add_option("--spacing", spacing, "resample to these mm along D,H,W")
        ->delimiter(',')
        ->expected(3)
        ->check(CLI::PositiveNumber);
    app.add_option("--crop", how.crop,
                   "to the box of what is not 0: none, nonzero (of the image), labels (is said in "
                   "every table)")
        ->check(CLI::IsMember({"none", "nonzero", "labels"}))
        ->capture_default_str();
    app.add_option("--margin", how.margin, "voxels that a crop leaves on each side")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--window", window, "clamp values to low,high (CT: -160,240)")
        ->delimiter(',')
        ->expected(2);
    app.add_option("--normalise", how.normalise, "none, minmax, zscore, zscore_nonzero")
        ->check(CLI::IsMember({"none", "minmax", "zscore", "zscore_nonzero"}))
        ->capture_default_str();
    app.add_option("--val", request.splits.val,
                   "validation patients: a fraction, or a file with a patient a line");
    app.add_option("--test", request.splits.test, "test patients, likewise");
    app.add_option("--seed", request.splits.seed, "of the draw of fractions")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--patient", request.splits.patient_pattern,
                   "regular expression whose group in a case's name is the patient: '(.*)_frame'");
    app.add_option("--name", name, "of the data set; that of the output folder if not given");
    app.add_flag("--allow-missing-affine", how.allow_missing_affine,
                 "place files that do not say where their voxels lie at the origin");
    app.add_flag("--channels", how.fourth_axis_is_channels,
                 "a fourth axis of the files holds channels");
  }

  ConvertRequest resolve() {
    request.folder = places.back();
    places.pop_back();
    const fs::path plain = request.folder.lexically_normal();
    request.name = !name.empty() ? name : image_stem(plain);
    if (spacing.size() == 3) request.preparation.spacing_mm = {spacing[0], spacing[1], spacing[2]};
    if (window.size() == 2) {
      request.preparation.window = {window[0], window[1]};
      if (!(window[0] < window[1])) {
        throw Error(ErrorKind::kConfig, {.what = "an empty window",
                                         .where = "--window",
                                         .expected = "low,high with low below high",
                                         .got = fmt::format("{}", fmt::join(window, ","))});
      }
    }
    if (is_image_file(request.folder) || fs::is_regular_file(request.folder)) {
      throw Error(ErrorKind::kConfig, {.what = "the output is a file",
                                       .where = request.folder.string(),
                                       .expected = "INPUT… OUTPUT, a folder last"});
    }
    request.cases = find_cases(places, request.preparation.channels);
    if (!labels.empty()) match_labels(request.cases, labels);
    return request;
  }
};

// Columns as wide as the longest case name needs.
void print_table(const std::vector<ConvertedCase>& cases) {
  size_t width = 4;
  for (const ConvertedCase& one : cases) width = std::max(width, one.info.id.size());
  std::cout << fmt::format("{:<{}}  {:<5}  {:<13}  {:<4}  {:<17}  {:<19}  {}\n", "case", width,
                           "split", "size D×H×W", "axes", "spacing mm", "range", "classes");
  for (const ConvertedCase& one : cases) {
    if (!one.error.empty()) continue;
    std::cout << fmt::format(
        "{:<{}}  {:<5}  {:<13}  {:<4}  {:<17}  {:<19}  {}{}\n", one.info.id, width,
        to_string(one.info.split), fmt::format("{}", fmt::join(one.size, "×")), one.orientation,
        fmt::format("{:.3g}", fmt::join(one.spacing_mm, "×")),
        fmt::format("{:.4g} to {:.4g}", one.low, one.high),
        one.classes.empty() ? "no label" : fmt::format("{}", fmt::join(one.classes, " ")),
        one.kept ? "  (kept)" : "");
  }
}

// Slices of 2-D training are along D: that should be the axis of thick slices.
void warn_of_thick_axes(const std::vector<ConvertedCase>& cases) {
  const auto is_wrong = [](const ConvertedCase& one) {
    const auto& s = one.spacing_mm;
    return one.error.empty() && std::max(s[1], s[2]) > 2 * s[0];
  };
  const auto wrong = std::count_if(cases.begin(), cases.end(), is_wrong);
  if (wrong == 0) return;
  std::cout << fmt::format(
      "note: in {} case(s) the thickest slices are not along D, so that 2-D training would cut "
      "across them; --orientation stored keeps the file's order\n",
      wrong);
}

}  // namespace

int run_convert(const Arguments& arguments) {
  CLI::App app(
      "Converts NIfTI, NRRD, MetaImage and DICOM into a data set for dataset=store. Run again to "
      "go "
      "on: cases that are there are kept.",
      "convert");
  app.footer(
      "example: semiseg convert images --labels labels sets/heart --val 0.1 --test 0.2 --normalise "
      "zscore\n         semiseg train dataset=store dataset.root=sets/heart");
  Flags flags;
  flags.add_to(app);
  if (const auto code = parse_flags(app, arguments)) return *code;
  const ConvertRequest request = flags.resolve();

  const auto total = static_cast<int64_t>(request.cases.size());
  Progress progress("convert", "cases", total, 0, steady_seconds());
  const std::vector<ConvertedCase> cases = convert(request, [&](size_t done) {
    progress.update(static_cast<int64_t>(done), 1, steady_seconds());
  });
  progress.finish(steady_seconds());
  print_table(cases);
  warn_of_thick_axes(cases);
  int64_t failed = 0;
  for (const ConvertedCase& one : cases) {
    if (one.error.empty()) continue;
    ++failed;
    std::cerr << fmt::format("left out: {}\n{}\n", one.info.id, one.error);
  }
  std::cout << fmt::format("{} of {} cases in {}\n", total - failed, total,
                           request.folder.string());
  return failed == 0 ? 0 : exit_code(ErrorKind::kData);
}

}  // namespace semiseg
