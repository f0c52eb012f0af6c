// SPDX-License-Identifier: Apache-2.0
// The options of a run, read without its data and networks: to list, name and compare runs, and as
// the first step towards training or evaluating one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/comm/comm_options.h"
#include "framework/config/config.h"
#include "framework/core/random/draws.h"
#include "framework/data/loader.h"
#include "framework/metrics/evaluator.h"
#include "framework/train/protocol.h"

namespace semiseg {

// The options outside any section.
struct GeneralOptions {
  std::string labelled = "all";
  int64_t labelled_draw = 0;
  std::string budget = "published";
  int64_t selection = 0;  // labelled patients that select the weights; only in a strict budget
  int64_t seed = 0;
  std::vector<std::string> plugins, plugin_checksums;
  std::string device = "auto";
  int64_t threads = 0;  // 0: as many as there are cores
  bool cuda_graphs = false;

  static GeneralOptions read(const Config& config);
};

// Returns the registered setting that section [setting] names, by default "ssl".
std::string read_setting_name(const Config& section);

// Returns run.tried of section [run]: the number of configurations that were tried; 0: unknown.
int64_t read_tried(const Config& run);

// One function for each part of the configuration. They read the options that a run of this
// configuration reads, and throw kConfig for values that are wrong whatever the data are.
void read_section_options(const Config& config);   // general options, run, loader, comm, evaluation
void read_protocol_options(const Config& config);  // protocol with augmentation and views
void read_inference_options(const Config& config);
void read_setting_options(const Config& config);
void read_dataset_options(const Config& config);
void read_feature_options(const Config& config);  // features of any data set
void read_weight_options(const Config& config);   // initial weights, of any backbone
void read_backbone_options(const Config& config);
void read_method_options(const Config& config);

// Loads the plug-ins that the configuration names and reads all of the above, so that
// Config::settings() is complete.
void read_all_options(const Config& config);

class World;

// The part of a run that depends on neither its data nor its networks.
struct RunOptions {
  Config config;
  GeneralOptions general;
  std::string dataset, setting, backbone, method;  // registered names
  CommOptions comm;
  ProtocolOptions protocol;
  LoaderOptions loader;
  EvaluatorOptions evaluation;

  // Reads all options, loads the plug-ins, and sets the compute threads and the communication of
  // this process as they say. Throws kConfig for values that are wrong whatever the data are.
  static RunOptions read(const Config& config, World& world);

  Draws draws() const { return Draws(static_cast<uint64_t>(general.seed)); }
  at::ScalarType dtype() const;  // dtype of the arithmetic
  // Returns a hash of the settings that can change a result, without the seed: it is equal for the
  // runs of a mean over seeds. 16 hexadecimal digits.
  std::string settings_hash() const;
};

}  // namespace semiseg
