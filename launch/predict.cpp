// SPDX-License-Identifier: Apache-2.0
// semiseg predict RUN INPUT… OUTPUT: label maps for scans, on the scans' own grids.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "datasets/convert/convert_inputs.h"
#include "framework/core/error.h"
#include "framework/core/process.h"
#include "framework/record/progress.h"
#include "framework/run/load_run.h"
#include "framework/run/world.h"
#include "framework/scans/preparation.h"
#include "launch/command_line/flags.h"

namespace semiseg {
namespace {

namespace fs = std::filesystem;

struct PredictFlags {
  fs::path run;
  std::vector<fs::path> places;  // inputs and, last, the output
  std::vector<fs::path> others;
  std::string weights = "best", image_names, task;
  bool probabilities = false, force = false;
  bool allow_missing_affine = false, channels = false;
  double grid_tolerance = kGridTolerance;
  int64_t threads = 0;

  void add_to(Flags& flags) {
    flags.require("run", run, "run folder");
    flags.require("places", places,
                  "INPUT… OUTPUT: image files or folders; a file for one scan, else a folder");
    flags.add("--with", others, "a run whose probabilities are averaged in; may be repeated");
    flags.add("--weights", weights, "best, or a checkpoint's number such as 000800");
    flags.add("--task", task,
              "task of the scans, a part of the collection that the run was trained on; without it "
              "a network with prompts segments all tasks");
    flags.add("--image-names", image_names,
              "form of the images' names, with {id} for the case: '{id}/imaging'; files with other "
              "names are skipped");
    flags.add("--probabilities", probabilities, "a channel for each class instead of labels");
    flags.add("--force", force, "predict again and overwrite existing files");
    flags.add("--allow-missing-affine", allow_missing_affine,
              "accept files that do not say where their voxels lie");
    flags.add("--channels", channels, "a fourth axis of the files holds channels");
    flags.add("--grid-tolerance", grid_tolerance,
              "voxels that the grids of the channels of a scan may be apart");
    flags.add("--threads", threads, "number of compute threads; 0: as in the run");
  }
};

struct Task {
  CaseFiles files;
  fs::path output;
};

std::vector<Task> find_tasks(const PredictFlags& flags, const Preparation& how) {
  const fs::path output = flags.places.back();
  const auto cases =
      find_cases({flags.places.begin(), flags.places.end() - 1}, how.channels, flags.image_names);
  const bool to_file = is_image_file(output);
  if (to_file && cases.size() > 1) {
    throw Error(ErrorKind::kConfig, {.what = "several scans and one file to write",
                                     .where = output.string(),
                                     .expected = "a folder",
                                     .got = fmt::format("{} scans", cases.size())});
  }
  std::vector<Task> tasks;
  for (const CaseFiles& files : cases) {
    Task task{files, to_file ? output : output / (files.id + ".nii.gz")};
    for (const fs::path& image : files.images) {
      if (fs::exists(task.output) && fs::equivalent(image, task.output)) {
        throw Error(ErrorKind::kConfig, {.what = "the output is the input itself",
                                         .where = image.string(),
                                         .expected = "another place"});
      }
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

// Returns the preparation that the data sets recorded, the same for all runs.
Preparation preparation_of(const std::vector<LoadedModel>& models, const PredictFlags& flags) {
  const DatasetInfo& info = models.front().dataset;
  if (info.preparation.empty()) {
    throw Error(ErrorKind::kConfig, {.what = "the data set does not say how its voxels were made",
                                     .where = flags.run.string(),
                                     .expected = "a data set made by semiseg convert",
                                     .got = info.name,
                                     .fix = "train on a converted data set"});
  }
  for (size_t i = 1; i < models.size(); ++i) {
    const DatasetInfo& other = models[i].dataset;
    if (other.preparation == info.preparation && other.classes == info.classes &&
        other.channels == info.channels) {
      continue;
    }
    throw Error(ErrorKind::kConfig,
                {.what = "the runs were trained on data sets of different preparation or classes",
                 .where = flags.others[i - 1].string(),
                 .expected = fmt::format("{} of {}", info.preparation, info.name),
                 .got = fmt::format("{} of {}", other.preparation, other.name)});
  }
  Preparation how = Preparation::parse(info.preparation, info.name);
  how.allow_missing_affine |= flags.allow_missing_affine;
  how.fourth_axis_is_channels |= flags.channels;
  how.grid_tolerance = flags.grid_tolerance;
  return how;
}

// Prints notes on steps of the preparation that cannot be applied to a scan.
void print_notes(const Preparation& how) {
  if (how.crop == "labels")
    std::cerr << "note: the data set was cropped to its labels; scans are predicted whole\n";
  if (how.earlier_unknown) {
    std::cerr << "note: how the data set's files were made of scans is not recorded (axes, crops, "
                 "sizes); give scans that were made alike\n";
  }
}

// Voxels that were cropped away are background.
at::Tensor probabilities_on_file_grid(const at::Tensor& values, const PreparedCase& prepared) {
  at::Tensor result = to_file_grid(values, prepared, Interpolation::kLinear);
  const at::Tensor rest = 1 - result.slice(0, 1).sum(0);
  return at::cat({rest.unsqueeze(0), result.slice(0, 1)});
}

// Classes → the values that stood for them in the label files of the data set (--label-values).
at::Tensor file_values(const at::Tensor& labels, const Preparation& how) {
  if (how.label_values.empty()) return labels;
  const at::Tensor values = at::tensor(how.label_values, at::kLong).take(labels.to(at::kLong));
  const auto largest = *std::max_element(how.label_values.begin(), how.label_values.end());
  return values.to(largest > 255 ? at::kShort : at::kByte);
}

ImagePredictor ensemble_of(const std::vector<LoadedModel>& models, const std::string& task) {
  if (models.size() == 1) return models.front().model.predictor(task);
  std::vector<ImagePredictor> members;
  for (const LoadedModel& member : models) members.push_back(member.model.predictor(task));
  return mean_of(std::move(members));
}

void predict_one(const std::vector<LoadedModel>& models, const Preparation& how, const Task& task,
                 const PredictFlags& flags) {
  const fs::path& name = task.files.images.front();
  const Scan scan = read_channels(task.files.images, how.reading(), how.grid_tolerance);
  const int64_t channels = models.front().dataset.channels;
  if (scan.image.size(0) != channels) {
    throw Error(ErrorKind::kData, {.what = "the scan has another number of channels than the data",
                                   .where = name.string(),
                                   .expected = std::to_string(channels),
                                   .got = std::to_string(scan.image.size(0))});
  }
  const PreparedCase prepared = prepare(scan, nullptr, how, name);
  const InferenceOptions& inference = models.front().model.inference;
  const ImagePredictor predict = ensemble_of(models, flags.task);
  if (flags.probabilities) {
    const at::Tensor values = class_probabilities(prepared.image, predict, inference);
    write_scan(task.output, probabilities_on_file_grid(values, prepared), scan.geometry);
  } else {
    const at::Tensor labels = segment(prepared.image, predict, inference);
    write_label_map(task.output,
                    file_values(to_file_grid(labels, prepared, Interpolation::kNearest), how),
                    scan.geometry);
  }
}

// Ranks take scans in turn; each reports its own failures.
int predict_all(World& world, const PredictFlags& flags) {
  std::vector<LoadedModel> models;
  models.push_back(load_model(world, flags.run, flags.weights));
  for (const fs::path& other : flags.others) {
    models.push_back(load_model(world, other, flags.weights));
  }
  if (flags.threads > 0) at::set_num_threads(static_cast<int>(flags.threads));
  Preparation how;
  std::vector<Task> tasks;
  world.agree([&] {
    how = preparation_of(models, flags);
    tasks = find_tasks(flags, how);
    ensemble_of(models, flags.task);  // an unknown task fails before anything is read
  });
  if (world.is_first()) print_notes(how);
  const auto total = static_cast<int64_t>(tasks.size());
  int64_t kept = 0, failed = 0;
  Progress progress("predict", "scans", total, 0, steady_seconds());
  for (int64_t i = world.comm().rank(); i < total; i += world.comm().size()) {
    const Task& task = tasks[static_cast<size_t>(i)];
    try {
      if (!flags.force && fs::exists(task.output)) {
        std::cout << fmt::format("kept: {} is there (--force predicts it again)\n",
                                 task.output.string());
        ++kept;
      } else {
        predict_one(models, how, task, flags);
      }
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kData) throw;
      std::cerr << fmt::format("left out: {}\n{}\n", task.files.id, error.what());
      ++failed;
    }
    if (Heartbeat* heartbeat = world.comm().heartbeat()) heartbeat->advance();
    progress.update(i + 1, 1, steady_seconds());
  }
  progress.finish(steady_seconds());
  at::Tensor counts = at::tensor(std::vector<int64_t>{kept, failed});
  world.comm().all_reduce(counts, "predicted scans");
  kept = counts[0].item<int64_t>();
  failed = counts[1].item<int64_t>();
  if (world.is_first()) {
    std::cout << fmt::format("{} predicted, {} kept, {} left out\n", total - kept - failed, kept,
                             failed);
  }
  return failed == 0 ? 0 : exit_code(ErrorKind::kData);
}

}  // namespace

int run_predict(const Arguments& arguments) {
  Flags flags(
      "predict",
      "Predicts label maps on the grids of the scans, prepared as the run's data set was. What is "
      "there is kept.",
      "example: semiseg predict runs/2026-01-31-bcp-heart-1a2b3c scan.nii.gz label.nii.gz\n"
      "         semiseg predict RUN scans/ labels/ --with RUN2");
  PredictFlags chosen;
  chosen.add_to(flags);
  if (const auto code = flags.parse(arguments)) return *code;
  if (chosen.places.size() < 2) {
    throw Error(ErrorKind::kConfig, {.what = "nothing to predict, or nowhere to put it",
                                     .expected = "RUN INPUT… OUTPUT",
                                     .fix = "semiseg predict --help"});
  }
  World world;
  return world.run([&] { return predict_all(world, chosen); });
}

}  // namespace semiseg
