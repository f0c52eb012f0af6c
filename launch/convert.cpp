// SPDX-License-Identifier: Apache-2.0
// semiseg convert INPUT… OUTPUT: scans into a data set of the project's own form.
#include "datasets/convert/convert.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>

#include "framework/core/error.h"
#include "framework/core/process.h"
#include "framework/record/progress.h"
#include "launch/command_line/flags.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

struct ConvertFlags {
  std::vector<fs::path> places;  // inputs and, last, the output
  fs::path labels;
  std::string name, image_names, label_names;
  std::vector<double> spacing, window;
  ConvertRequest request;

  void add_to(Flags& flags) {
    Preparation& how = request.preparation;
    flags.require("places", places, "INPUT… OUTPUT: image files, folders of them or DICOM folders");
    flags.add("--labels", labels, "folder of label maps, each called as its image");
    flags.add("--image-names", image_names,
              "form of the images' names, with {id} for the case: '{id}/imaging' (KiTS), "
              "'volume-{id}' (LiTS); files with other names are skipped");
    flags.add("--label-names", label_names,
              "form of the labels' names: '{id}/segmentation', 'segmentation-{id}', '{id}_seg' "
              "(BraTS); default: as the images");
    flags.add("--classes", request.classes, "names, background first: background,heart");
    flags.add("--label-values", how.label_values,
              "values in the label files, one for each class: 0,255");
    flags.add("--ignore-label", how.ignore_label,
              "value in the label files of voxels without a class; they count in no loss and no "
              "metric");
    flags.add("--modalities", how.channels,
              "endings of the stems of one case's files, a channel each: _t1,_t2");
    flags.choose("--orientation", how.orientation, {"canonical", "stored"},
                 "canonical: D upwards, H to the front, W to the right, or as near as the axes "
                 "are; stored: the file's order, for stacks of oblique slices");
    flags.add("--spacing", spacing, "resample to these mm along D,H,W");
    flags.choose("--crop", how.crop, {"none", "nonzero", "labels"},
                 "to the box of what is not 0: none, nonzero (of the image), labels (is said in "
                 "every table)");
    flags.add("--margin", how.margin, "voxels that a crop leaves on each side");
    flags.add("--window", window, "clamp values to low,high (CT: -160,240)");
    flags.choose("--normalise", how.intensity.scale, {"none", "minmax", "zscore", "zscore_nonzero"},
                 "none, minmax, zscore, zscore_nonzero");
    flags.add("--val", request.splits.val,
              "validation patients: a fraction of those with labels, or a file, a patient a line");
    flags.add("--test", request.splits.test, "test patients, likewise");
    flags.add("--seed", request.splits.seed, "random seed of the split by fractions");
    flags.add("--patient", request.splits.patient_pattern,
              "regular expression whose group in a case's name is the patient: '(.*)_frame'");
    flags.add("--name", name, "name of the data set (default: the output folder's)");
    flags.add("--allow-missing-affine", how.allow_missing_affine,
              "place files that do not say where their voxels lie at the origin");
    flags.add("--grid-tolerance", how.grid_tolerance,
              "voxels that the grids of the files of a case may be apart; raise it where programs "
              "rounded headers");
    flags.add("--channels", how.fourth_axis_is_channels,
              "a fourth axis of the files holds channels");
  }

  static void check(bool is_good, const char* what, const char* flag, const char* expected,
                    const std::vector<double>& got) {
    if (is_good) return;
    throw Error(ErrorKind::kConfig, {.what = what,
                                     .where = flag,
                                     .expected = expected,
                                     .got = fmt::format("{}", fmt::join(got, ","))});
  }

  ConvertRequest resolve() {
    if (places.size() < 2) {
      throw Error(ErrorKind::kConfig, {.what = "nothing to convert, or nowhere to put it",
                                       .expected = "INPUT… OUTPUT",
                                       .fix = "semiseg convert --help"});
    }
    request.folder = places.back();
    places.pop_back();
    const fs::path plain = request.folder.lexically_normal();
    request.name = !name.empty() ? name : image_stem(plain);
    if (!spacing.empty()) {
      const bool is_good = spacing.size() == 3 && std::all_of(spacing.begin(), spacing.end(),
                                                              [](double mm) { return mm > 0; });
      check(is_good, "no spacing", "--spacing", "three numbers above 0: D,H,W in mm", spacing);
      request.preparation.spacing_mm = {spacing[0], spacing[1], spacing[2]};
    }
    if (!window.empty()) {
      check(window.size() == 2 && window[0] < window[1], "an empty window", "--window",
            "low,high with low below high", window);
      request.preparation.intensity.clip = window;
    }
    if (is_image_file(request.folder) || fs::is_regular_file(request.folder)) {
      throw Error(ErrorKind::kConfig, {.what = "the output is a file",
                                       .where = request.folder.string(),
                                       .expected = "INPUT… OUTPUT, a folder last"});
    }
    request.cases = find_cases(places, request.preparation.channels, image_names);
    if (!labels.empty()) match_labels(request.cases, labels, label_names);
    return request;
  }
};

// Prints the table; columns are as wide as the longest case name.
void print_table(const std::vector<ConvertedCase>& cases) {
  size_t width = 4;
  for (const ConvertedCase& one : cases) width = std::max(width, one.info.id.size());
  std::cout << fmt::format("{:<{}}  {:<5}  {:<13}  {:<4}  {:<17}  {:<19}  {}\n", "case", width,
                           "split", "size D×H×W", "axes", "spacing mm", "range", "classes");
  for (const ConvertedCase& one : cases) {
    if (!one.listed) continue;
    std::cout << fmt::format(
        "{:<{}}  {:<5}  {:<13}  {:<4}  {:<17}  {:<19}  {}{}\n", one.info.id, width,
        to_string(one.info.split), fmt::format("{}", fmt::join(one.size, "×")), one.orientation,
        fmt::format("{:.3g}", fmt::join(one.spacing_mm, "×")),
        fmt::format("{:.4g} to {:.4g}", one.low, one.high),
        one.classes.empty() ? "no label" : fmt::format("{}", fmt::join(one.classes, " ")),
        one.kept ? "  (kept)" : "");
  }
}

// Warns when D, along which 2-D training takes slices, is not the axis of thick slices.
void warn_of_thick_axes(const std::vector<ConvertedCase>& cases) {
  const auto is_wrong = [](const ConvertedCase& one) {
    const auto& s = one.spacing_mm;
    return one.listed && std::max(s[1], s[2]) > 2 * s[0];
  };
  const auto wrong = std::count_if(cases.begin(), cases.end(), is_wrong);
  if (wrong == 0) return;
  std::cout << fmt::format(
      "note: in {} case(s) the thickest slices are not along D, so that 2-D training would cut "
      "across them; --orientation stored keeps the file's order\n",
      wrong);
}

// Prints the failures; the exit code says whether there are any.
int sum_up(const std::vector<ConvertedCase>& cases, const fs::path& folder) {
  int code = 0;
  int64_t listed = 0, kept = 0;
  for (const ConvertedCase& one : cases) {
    listed += one.listed;
    kept += one.listed && one.kept;
    if (one.error.empty()) continue;
    code = exit_code(ErrorKind::kData);
    std::cerr << fmt::format("{}: {}\n{}\n", one.listed ? "kept as it was" : "left out",
                             one.info.id, one.error);
  }
  std::cout << fmt::format("{} of {} cases in {}, {} kept from before\n", listed, cases.size(),
                           folder.string(), kept);
  return code;
}

}  // namespace

int run_convert(const Arguments& arguments) {
  Flags flags("convert",
              "Converts NIfTI, NRRD, MetaImage and DICOM into a data set for dataset=store. Run "
              "again to go on or to add cases: those that are there are kept, in their splits.",
              "example: semiseg convert images --labels labels sets/heart --val 0.1 --test 0.2 "
              "--normalise zscore\n         semiseg train dataset=store dataset.root=sets/heart "
              "protocol=acdc_2d labelled=all");
  ConvertFlags chosen;
  chosen.add_to(flags);
  if (const auto code = flags.parse(arguments)) return *code;
  const ConvertRequest request = chosen.resolve();

  const auto total = static_cast<int64_t>(request.cases.size());
  Progress progress("convert", "cases", total, 0, steady_seconds());
  const std::vector<ConvertedCase> cases = convert(request, [&](size_t done) {
    progress.update(static_cast<int64_t>(done), 1, steady_seconds());
  });
  progress.finish(steady_seconds());
  print_table(cases);
  warn_of_thick_axes(cases);
  return sum_up(cases, request.folder);
}

}  // namespace semiseg
