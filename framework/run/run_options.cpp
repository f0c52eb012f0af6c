// SPDX-License-Identifier: Apache-2.0
#include "framework/run/run_options.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "framework/checkpoint/initial_weights.h"
#include "framework/core/log.h"
#include "framework/core/plugins/plugin.h"
#include "framework/data/archive/case_features.h"
#include "framework/data/dataset.h"
#include "framework/data/setting.h"
#include "framework/data/transforms/transforms.h"
#include "framework/data/views.h"
#include "framework/inference/segmenter.h"
#include "framework/methods/method.h"
#include "framework/run/places.h"
#include "framework/run/world.h"
#include "framework/train/walltime.h"

namespace semiseg {
namespace {

// Stands in for the data set, which is not open: no option depends on its channels and classes.
NetworkShape assumed_shape(const Config& config) {
  return {.channels = 1,
          .classes = 2,
          .patch_size = ProtocolOptions::read(config.section("protocol")).patch_size};
}

// Reads the name of a plug-in; its former names mean the same run.
template <class Entry>
std::string read_name(const Config& section, std::string_view doc) {
  section.renamed("name", Registry<Entry>::instance().renamed());
  return section.required("name", doc);
}

// A run that another build made is still measured: its weights are there.
void load_plugins(const GeneralOptions& options) {
  for (size_t i = 0; i < options.plugins.size(); ++i) {
    const LoadedPlugin plugin = load_plugin(options.plugins[i]);
    const bool is_known = i < options.plugin_checksums.size();
    if (is_known && plugin.checksum != options.plugin_checksums[i])
      log::warn("{} is another build than that of the run", plugin.path);
  }
}

}  // namespace

GeneralOptions GeneralOptions::read(const Config& config) {
  GeneralOptions o;
  config.read("labelled", o.labelled,
              "Patients of the training split whose ground truth is used, the first ones in the "
              "published order of the data set: a number, a share of them such as \"2%\" (rounded "
              "up; in semidg of each domain), or \"all\". All other training patients are "
              "unlabelled. Set it to the label budget that you compare at.");
  config.read("labelled_draw", o.labelled_draw, {0, 1e6},
              "Draw of the labelled patients: 0, the first of the published order; k > 0, "
              "the k-th random choice, stratified over domains. Run several to see how much a "
              "result depends on who is labelled.");
  config.read(
      "budget", o.budget, {"published", "strict"},
      "Labels that may be read before the final evaluation: those of the protocol, whose "
      "validation split may have more labels than training (published), or the labels that "
      "the labelled patients have, and no other (strict). Set strict to know what the labels "
      "are worth.");
  config.read("selection", o.selection, {0, 1e6},
              "In a strict budget, the number of labelled patients that select the weights and are "
              "not trained on; 0: the last weights are taken. Set it where training overfits.");
  const bool selects_on_test =
      o.budget == "strict" && ProtocolOptions::read(config.section("protocol")).select == "test";
  if (selects_on_test)
    config.fail("budget", "a strict budget reads no label of the test split before the end",
                "protocol.select=val or last");
  if (o.selection > 0 && o.budget != "strict")
    config.fail("selection", "patients are held out for selection in a strict budget only",
                "budget=strict, or selection=0");
  config.read("seed", o.seed, {0, 1e15},
              "Random seed of initial weights, batches, augmentation and dropout. Repeat a run "
              "with several seeds to see how much of a difference is chance.");
  config.read("plugins", o.plugins,
              "Shared libraries that are loaded before anything else. Name those that define a "
              "method, backbone or data set of your own.",
              Effect::kNone);
  config.read(
      "plugin_checksums", o.plugin_checksums,
      "Checksums (xxh3) of these libraries, in their order. The program writes them, so that "
      "a run belongs to the build of its plug-ins wherever they lie; never set them.");
  config.read("device", o.device, {"auto", "cpu", "cuda"},
              "Device that computes; auto: a GPU for each rank where one is visible, else the "
              "processor. Set cpu to leave a GPU to somebody else.",
              Effect::kNone);
  config.read("threads", o.threads, {0, 1024},
              "Number of compute threads of a rank; 0: its share of the cores. Lower it on a "
              "machine that you share.",
              Effect::kNone);
  config.read("cuda_graphs", o.cuda_graphs,
              "Records evaluation passes on a GPU as CUDA graphs and replays them. Switch it on "
              "where many small passes are slow; it costs GPU memory for each image size.",
              Effect::kNone);
  return o;
}

int64_t read_tried(const Config& run) {
  int64_t tried = 0;
  run.read(
      "tried", tried, {0, 1e9},
      "Number of configurations of the method that were tried on the same data and labels, this "
      "one included; 0: unknown. A sweep sets it, and provenance.json keeps it, because the "
      "best of many looks better than it is. Set it when you tuned by hand.",
      Effect::kNone);
  return tried;
}

void read_section_options(const Config& config) {
  GeneralOptions::read(config);
  const Config run = config.section("run");
  FolderOptions::read(run);
  read_walltime(run);
  read_tried(run);
  LoaderOptions::read(config.section("loader"));
  CommOptions::read(config.section("comm"));
  EvaluatorOptions::read(config.section("evaluation"));
}

void read_protocol_options(const Config& config) {
  const Config protocol = config.section("protocol");
  TransformOptions::read(protocol.section("augmentation"),
                         ProtocolOptions::read(protocol).patch_size);
  Views::read(protocol.section("views"));
}

std::string read_setting_name(const Config& section) {
  std::string name = "ssl";
  section.read("name", name, SettingRegistry::instance().names(),
               "Setting: the pools of labelled and unlabelled samples that training draws from, "
               "and the cases that select and test. Change it to adapt to another domain (uda), to "
               "generalise to one (semidg), or to mix them (mixed_domain).");
  return name;
}

void read_setting_options(const Config& config) {
  const Config section = config.section("setting");
  SettingRegistry::instance().find(read_setting_name(section)).make(section, "all");
}

void read_inference_options(const Config& config) {
  const NetworkShape shape = assumed_shape(config);
  InferenceOptions::read(config.section("inference"), shape.patch_size, /*axial_axis=*/0,
                         shape.classes);
}

void read_dataset_options(const Config& config) {
  const Config section = config.section("dataset");
  const std::string name = read_name<DatasetEntry>(section, "Registered name of the data set.");
  DatasetRegistry::instance().find(name).read_options(section);
}

void read_feature_options(const Config& config) { read_features_folder(config.section("dataset")); }

void read_weight_options(const Config& config) { InitialWeights::read(config.section("backbone")); }

void read_backbone_options(const Config& config) {
  const Config section = config.section("backbone");
  const std::string name = read_name<BackboneEntry>(section, "Registered name of the backbone.");
  BackboneRegistry::instance().find(name).read_options(section, assumed_shape(config));
}

void read_method_options(const Config& config) {
  const Config section = config.section("method");
  const std::string name = read_name<MethodEntry>(section, "Registered name of the method.");
  MethodRegistry::instance().find(name).read_options(section, assumed_shape(config));
}

void read_all_options(const Config& config) {
  load_plugins(GeneralOptions::read(config));
  read_section_options(config);
  read_protocol_options(config);
  read_inference_options(config);
  read_setting_options(config);
  read_dataset_options(config);
  read_feature_options(config);
  read_weight_options(config);
  read_backbone_options(config);
  read_method_options(config);
}

RunOptions RunOptions::read(const Config& config, World& world) {
  read_all_options(config);
  RunOptions o{.config = config,
               .general = GeneralOptions::read(config),
               .setting = read_setting_name(config.section("setting")),
               .backbone = config.section("backbone").required("name", "backbone"),
               .method = config.section("method").required("name", "method"),
               .comm = CommOptions::read(config.section("comm")),
               .protocol = ProtocolOptions::read(config.section("protocol")),
               .loader = LoaderOptions::read(config.section("loader")),
               .evaluation = EvaluatorOptions::read(config.section("evaluation"))};
  const std::string name = config.section("dataset").required("name", "data set");
  o.dataset = DatasetRegistry::instance().find(name).name;
  if (o.general.threads > 0) at::set_num_threads(static_cast<int>(o.general.threads));
  world.comm().configure(o.comm);
  return o;
}

at::ScalarType RunOptions::dtype() const {
  return protocol.precision == "float64" ? at::kDouble : at::kFloat;
}

std::string RunOptions::settings_hash() const {
  return fmt::format("{:016x}", config.identity(/*without=*/{"seed"}));
}

}  // namespace semiseg
