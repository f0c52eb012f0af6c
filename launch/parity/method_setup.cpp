// SPDX-License-Identifier: Apache-2.0
#include "launch/parity/case_options.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "framework/config/option_list.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

using Json = nlohmann::json;

// The reference whose cases have tasks has so many.
constexpr int64_t kTasks = 4;

std::set<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

// The options that the runner itself, or a translation below, uses.
const std::set<std::string> kTranslated = words(
    "backbone base_lr batch beta_u betas box box_ratio case_seed classes component_filter "
    "conf_thr consistency consistency_rampup covariance dataset digested direction "
    "discriminator_betas discriminator_lr discriminator_pool displaced_supervised_until "
    "dropout ema_step epoch epochs gate_iterations grid in_channels iteration labelled "
    "lr_schedule max_epoch max_iterations mix_pass_mode momentum n_filters nesterov nets "
    "optimiser outputs parameters poly_horizon poly_index precision preset "
    "ramp_period size stage state steps tasks unlabelled weight_decay");

// Rates and ramps of these references are set by epoch, here by the iteration: an epoch of the case
// is one iteration.
bool counts_epochs(const Json& o) {
  const auto schedule = o.is_object() ? o.find("lr_schedule") : o.end();
  return schedule != o.end() && schedule->is_string() &&
         schedule->get<std::string>().find("per epoch") != std::string::npos;
}

// "poly 0.9", "step 0.1/2500" (factor, updates between two cuts), "constant".
void read_schedule(const std::string& text, OptimiserOptions& optimiser) {
  std::istringstream words(text);
  words >> optimiser.schedule;
  char slash = 0;
  if (optimiser.schedule == "poly") words >> optimiser.poly_power;
  if (optimiser.schedule == "step") words >> optimiser.step_factor >> slash >> optimiser.step_every;
}

OptimiserOptions optimiser_of(const Json& o) {
  OptimiserOptions optimiser;
  optimiser.kind = o.value("optimiser", optimiser.kind);
  optimiser.learning_rate = o.at("base_lr");
  optimiser.momentum = o.value("momentum", optimiser.momentum);
  optimiser.nesterov = o.value("nesterov", false);
  optimiser.betas = o.value("betas", optimiser.betas);
  optimiser.weight_decay = o.value("weight_decay", 0.0);
  optimiser.poly_horizon = o.value("poly_horizon", int64_t{0});
  optimiser.poly_index =
      o.value("poly_index", counts_epochs(o) ? std::string("post") : optimiser.poly_index);
  read_schedule(o.at("lr_schedule"), optimiser);
  return optimiser;
}

// The references ramp by iteration div 150, this program in fractions of the training. The fraction
// is slightly smaller than the exact one, so that the steps of the ramp begin at whole iterations
// whatever the rounding; the same for the iteration at which a gate opens.
constexpr double kIterationsPerStep = 150, kHair = 1 - 1e-12;

std::string consistency_lines(const Json& o) {
  std::string text;
  if (o.contains("consistency"))
    text += "consistency_weight = " + toml_of(o.at("consistency")) + "\n";
  if (counts_epochs(o) && o.contains("max_epoch"))
    text += "consistency_rampup_steps = " + toml_of(o.at("max_epoch")) + "\n";
  if (!o.contains("max_iterations")) return text;
  const double length = o.at("max_iterations");
  if (o.contains("consistency_rampup")) {
    // The one reference that mixes amplitudes divides its whole training into the steps.
    const double steps = o.at("consistency_rampup"),
                 usual = o.contains("amplitude_window") ? length / steps : kIterationsPerStep,
                 period = o.value("ramp_period", usual);
    text += fmt::format("consistency_rampup = {}\nconsistency_rampup_steps = {}\n",
                        period * steps / length * kHair, static_cast<int64_t>(steps));
  }
  if (o.contains("gate_iterations")) {
    const double gate = o.at("gate_iterations");
    text += fmt::format("consistency_start = {}\n", std::max(0.0, gate - 0.5) / length);
  }
  return text;
}

// Returns the options whose names differ from the specification, and its ramps in iterations.
std::string renamed_lines(const Json& o) {
  std::string text;
  if (o.contains("direction")) {
    text += "directions = [" + toml_of(o.at("direction")) + "]\n";
    text += fmt::format("unlabelled_rampup = {}\n",
                        200 * kIterationsPerStep / o.at("max_iterations").get<double>() * kHair);
  }
  const auto rename = [&](const char* theirs, const char* ours) {
    if (o.contains(theirs)) text += fmt::format("{} = {}\n", ours, toml_of(o.at(theirs)));
  };
  if (o.contains("displaced_supervised_until")) {
    text += fmt::format("displaced_supervised_until = {}\n",
                        (o.at("displaced_supervised_until").get<double>() + 0.5) /
                            o.at("max_iterations").get<double>());
  }
  // Images of the one reference that mixes amplitudes.
  if (o.contains("amplitude_window")) text += "image_range = [-1.0, 1.0]\n";
  if (o.contains("mix_pass_mode"))
    text += "mix_pass = " + toml_of(o.at("mix_pass_mode").at(0)) + "\n";
  rename("beta_u", "beta_unlabelled");
  rename("conf_thr", "confidence");
  rename("covariance", "cov");
  if (counts_epochs(o)) rename("pseudo_weight", "consistency_weight");
  rename("box_ratio",
         o.contains("box_ratio") && o.at("box_ratio").is_array() ? "box_ratio_range" : "box_ratio");
  if (o.value("dataset", "") == "pancreas")
    text += "pairing = \"crossed\"\noutside_first = \"unlabelled\"\n";
  return text;
}

// A fraction of the sides that, cut to integers, gives this box: the middle of all that do.
std::string box_line(const Json& o) {
  const auto box = o.at("box").get<std::vector<double>>(),
             size = o.at("size").get<std::vector<double>>();
  double low = 0, high = 1;
  for (size_t axis = 0; axis < box.size(); ++axis) {
    low = std::max(low, box[axis] / size.at(axis));
    high = std::min(high, (box[axis] + 1) / size.at(axis));
  }
  return fmt::format("box = {}\n", (low + high) / 2);
}

// Options of a reference that has several ways, with the one way that the program implements.
bool is_only_way(const std::string& name, const Json& value) {
  static const std::map<std::string, Json> ways = {{"conflict_mode", "pixel_confidence"},
                                                   {"conflict_weight", 1.0},
                                                   {"outside_first", "unlabelled"},
                                                   {"pairing", "crossed"}};
  const auto found = ways.find(name);
  return found != ways.end() && found->second == value;
}

// "largest, 26-connected": how many axes a neighbour may differ along; 0: all.
std::string connectivity_line(const std::string& filter) {
  const bool faces =
      filter.find(" 6-") != std::string::npos || filter.find(" 4-") != std::string::npos;
  const bool edges = filter.find(" 18-") != std::string::npos;
  return fmt::format("connectivity = {}\n", faces ? 1 : edges ? 2 : 0);
}

std::set<std::string> options_of(const MethodEntry& method, const NetworkShape& shape) {
  const auto read_options = [&](const Config& config) { method.read_options(config, shape); };
  std::set<std::string> names;
  for (const OptionRead& read : list_options(read_options)) names.insert(read.path);
  return names;
}

// Returns the case's options that the backbone reads under its own names and the method does not.
Json backbone_options(const Json& o, const BackboneEntry& entry, const NetworkShape& shape,
                      const std::set<std::string>& of_method) {
  const auto read_options = [&](const Config& config) { entry.read_options(config, shape); };
  Json found = Json::object();
  for (const OptionRead& read : list_options(read_options)) {
    if (o.contains(read.path) && !kTranslated.contains(read.path) && !of_method.contains(read.path))
      found[read.path] = o[read.path];
  }
  if (o.contains("n_filters")) found["filters"] = o["n_filters"];
  if (o.contains("cube_size")) found["cube"] = o["cube_size"];
  return found;
}

// Number of iterations, or of epochs where these set the rate.
int64_t length_of(const Json& o) {
  if (counts_epochs(o)) return o.contains("epochs") ? o.at("epochs") : o.at("max_epoch");
  return o.value("max_iterations", int64_t{1});
}

// Options of the networks beside the configured one, each in the section of its name.
std::string other_network_lines(const Json& o, const NetworkShape& shape) {
  std::string text;
  if (o.contains("discriminator_lr")) {
    Json optimiser = {{"learning_rate", o.at("discriminator_lr")}};
    if (o.contains("discriminator_betas")) optimiser["betas"] = o.at("discriminator_betas");
    text += "discriminator_optimiser = " + toml_of(optimiser) + "\n";
  }
  std::set<std::string> others;
  for (const auto& [net, architecture] : o.at("nets").items())
    others.insert(registered_network(architecture));
  others.erase(registered_network(o.at("backbone")));
  if (o.contains("net2_backbone")) others.insert(registered_network(o.at("net2_backbone")));
  for (const std::string& name : others) {
    const bool has_pool = name.starts_with("discriminator") && o.contains("discriminator_pool");
    const std::string given =
        has_pool ? "pool = " + toml_of(o.at("discriminator_pool")) + "\n" : "";
    std::string lines =
        with_dropout(known<BackboneEntry>(name), given, shape, o.value("dropout", 0.0));
    if (!lines.empty()) lines.pop_back();
    std::replace(lines.begin(), lines.end(), '\n', ',');
    text += name + " = {" + lines + "}\n";
  }
  return text;
}

}  // namespace

std::string registered_network(const std::string& architecture) {
  static const std::map<std::string, std::string> names = {
      {"mcnet2d_v1", "mcnet_2d_v1"},   {"mcnet2d_v2", "mcnet_2d_v2"},
      {"mcnet2d_v3", "mcnet_2d_v3"},   {"mcnet3d_v1", "mcnet_3d_v1"},
      {"mcnet3d_v2", "mcnet_3d_v2"},   {"unet_3D_dv_semi", "unet_3d_dv"},
      {"vnet_attention", "tac_vnet"},  {"vnet_dhc", "vnet"},
      {"vnet_dynamic", "versemi_vnet"}};
  const auto found = names.find(architecture);
  return found == names.end() ? architecture : found->second;
}

int64_t iteration_of(const ParityCase& parity, int64_t step) {
  const Json& o = parity.options.all();
  const int64_t first = o.value("iteration", o.value("ema_step", int64_t{0}));
  if (!counts_epochs(o)) return first + step;
  if (o.at("lr_schedule").get<std::string>().find("lag 1") != std::string::npos)
    return std::max<int64_t>(0, o.at("epoch").get<int64_t>() - 1);
  // The rate of an epoch is set after its first iteration.
  const int64_t each = o.at("max_iterations").get<int64_t>() / (length_of(o) - 1);
  return std::max<int64_t>(0, first + step - 1) / each;
}

MethodSetup setup_of(const ParityCase& parity) {
  const Json& o = parity.options.all();
  const std::string backbone = registered_network(o.at("backbone"));
  const MethodEntry& method = known<MethodEntry>(parity.name);
  for (const auto& [net, architecture] : o.at("nets").items())
    known<BackboneEntry>(registered_network(architecture));
  MethodSetup setup{.name = parity.name,
                    .channels = o.value("in_channels", int64_t{1}),
                    .classes = o.at("classes"),
                    .labelled = o.at("labelled"),
                    .iterations = length_of(o),
                    .patch_size = o.at("size").get<std::vector<int64_t>>(),
                    .optimiser = optimiser_of(o)};
  setup.batch = o.contains("batch") ? o.at("batch").get<int64_t>()
                                    : setup.labelled + o.at("unlabelled").get<int64_t>();
  if (parity.has("in.0.image_weak_mix")) setup.batch += o.at("unlabelled").get<int64_t>();
  // Pre-training sees the labelled part alone, whatever the rest of the batch is.
  const Json stage = o.value("stage", Json());
  if (stage == "pretrain" || stage == 1) setup.batch = 2 * setup.labelled;
  // A quarter of the iterations, the default, makes a stage.
  if (stage == "pretrain") setup.iterations = std::max<int64_t>(100, setup.iterations);
  // Each of two stages has an iteration.
  if (stage.is_number()) setup.iterations = std::max<int64_t>(2, setup.iterations);
  if (parity.has("in.0.task")) setup.tasks = o.value("tasks", kTasks);
  const BackboneEntry& entry = known<BackboneEntry>(backbone);
  const std::set<std::string> of_method = options_of(method, setup.shape());
  const Json network = backbone_options(o, entry, setup.shape(), of_method);
  std::set<std::string> not_the_methods = kTranslated;
  for (const auto& [key, value] : network.items()) not_the_methods.insert(key);
  for (const auto& [key, value] : o.items()) {
    if (is_only_way(key, value) && !of_method.contains(key)) not_the_methods.insert(key);
  }
  if (counts_epochs(o)) not_the_methods.insert("pseudo_weight");
  setup.options = toml_lines(o, not_the_methods) + consistency_lines(o) +
                  other_network_lines(o, setup.shape()) + renamed_lines(o);
  if (o.contains("box")) setup.options += box_line(o);
  if (o.contains("component_filter")) setup.options += connectivity_line(o.at("component_filter"));
  setup.backbone =
      "name = \"" + backbone + "\"\n" +
      with_dropout(entry, toml_lines(network, {}), setup.shape(), o.value("dropout", 0.0));
  return setup;
}

}  // namespace semiseg
