// SPDX-License-Identifier: Apache-2.0
#include "launch/options/option_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "cluster/launcher.h"
#include "cluster/sweep/sweep_options.h"
#include "framework/config/option_list.h"
#include "framework/config/value.h"
#include "framework/data/dataset.h"
#include "framework/data/setting.h"
#include "framework/data/transforms/transform.h"
#include "framework/methods/method.h"
#include "framework/run/run_options.h"

namespace semiseg {
namespace {

using Reader = std::function<void(const Config&)>;

// A setting on which options depend: how it is called, and as TOML.
struct Variant {
  std::string name, toml;
};

const std::vector<Variant> kAny = {{"", ""}};
const std::vector<Variant> kDimensions = {{"slices", "[protocol]\npatch_size = [256, 256]\n"},
                                          {"volumes", "[protocol]\npatch_size = [96, 96, 96]\n"}};
const std::vector<Variant> kInferenceModes = {
    {"slice_wise", "[protocol]\npatch_size = [256, 256]\n[inference]\nmode = 'slice_wise'\n"},
    {"sliding_window", "[protocol]\npatch_size = [96, 96, 96]\n"}};

// The properties of one option with each of its variants, in the order of the variants.
struct Seen {
  OptionRead first;
  std::vector<std::string> variants, defaults, allowed, docs;
};

// The one text, or "a (first variant), b (second variant)".
std::string joined(const std::vector<std::string>& texts,
                   const std::vector<std::string>& variants) {
  if (std::set(texts.begin(), texts.end()).size() == 1) return texts.front();
  std::string result;
  for (size_t i = 0; i < texts.size(); ++i)
    result += fmt::format("{}{} ({})", i == 0 ? "" : ", ", texts[i], variants[i]);
  return result;
}

// The one text, or "For first variant: a For second variant: b".
std::string joined_docs(const Seen& one) {
  if (std::set(one.docs.begin(), one.docs.end()).size() == 1) return one.docs.front();
  std::string result;
  for (size_t i = 0; i < one.docs.size(); ++i)
    result += fmt::format("{}For {}: {}", i == 0 ? "" : " ", one.variants[i], one.docs[i]);
  return result;
}

std::vector<ListedOption> listed(const Reader& read, const std::vector<Variant>& variants,
                                 const std::string& extra_toml = "") {
  std::vector<std::string> order;
  std::map<std::string, Seen> seen;
  for (const Variant& variant : variants) {
    for (const OptionRead& option : list_options(read, variant.toml + extra_toml)) {
      const auto [entry, is_new] = seen.try_emplace(option.path, Seen{.first = option});
      if (is_new) order.push_back(option.path);
      entry->second.variants.push_back(variant.name);
      entry->second.defaults.push_back(option.default_value);
      entry->second.allowed.push_back(option.allowed);
      entry->second.docs.push_back(option.doc);
    }
  }
  std::vector<ListedOption> result;
  for (const std::string& path : order) {
    const Seen& one = seen.at(path);
    ListedOption option{.read = one.first};
    option.read.default_value = joined(one.defaults, one.variants);
    option.read.allowed = joined(one.allowed, one.variants);
    option.read.doc = joined_docs(one);
    if (one.variants.size() < variants.size()) option.only = one.variants.front();
    result.push_back(std::move(option));
  }
  return result;
}

// The options in `section` and below it.
std::vector<ListedOption> below(std::vector<ListedOption> options, const std::string& section) {
  std::erase_if(options, [&](const ListedOption& option) {
    return !option.read.path.starts_with(section + ".");
  });
  return options;
}

// Splits options into a table for each section, in the order of their first options.
void append_sections(std::vector<OptionTable>& tables, const std::vector<ListedOption>& options,
                     const std::map<std::string, std::string>& summaries) {
  for (const ListedOption& option : options) {
    const std::string section = split_path(option.read.path).first;
    const auto same = [&](const OptionTable& table) { return table.name == section; };
    auto table = std::find_if(tables.begin(), tables.end(), same);
    if (table == tables.end()) {
      const auto summary = summaries.find(section);
      tables.push_back({.name = section,
                        .kind = "section",
                        .summary = summary == summaries.end() ? "" : summary->second});
      table = tables.end() - 1;
    }
    table->options.push_back(option);
  }
}

const std::map<std::string, std::string> kSummaries = {
    {"", "Options outside any section."},
    {"run", "Where the run is written and when it stops."},
    {"loader", "Threads and memory that make the batches."},
    {"comm", "Communication between ranks."},
    {"protocol", "How every method trains: equal for all methods of a comparison."},
    {"protocol.augmentation", "Random geometry of training samples."},
    {"protocol.views.weak", "The sample that every method sees."},
    {"protocol.views.strong", "The strong view of a sample. Further views are sections like it."},
    {"protocol.views.strong2", "A second strong view, drawn apart from the first."},
    {"protocol.views.second_crop", "A crop of the same sample at another place, for tracoco."},
    {"protocol.optimiser", "The optimiser of the networks."},
    {"protocol.reduction", "All-reduce of gradients; without effect on one rank."},
    {"dataset", "Features of another program, whatever the data set."},
    {"backbone", "Weights that the networks start from, whatever the backbone."},
    {"sweep", "Where a sweep is kept and how much of it runs at a time. It is no part of a run."},
    {"inference", "From the network to the label map of a case."},
    {"evaluation", "How label maps are measured. A finished run can be measured again."}};

std::string sentence(const std::string& text) { return text.ends_with('.') ? text : text + "."; }

// One table for each entry of a registry. `describe` gives the summary of an entry.
template <class Entry>
std::vector<OptionTable> plugin_tables(const std::string& section, const Reader& read,
                                       const std::function<std::string(const Entry&)>& describe) {
  std::vector<OptionTable> tables;
  const auto& registry = Registry<Entry>::instance();
  for (const std::string& name : registry.names()) {
    const std::string choice = fmt::format("[{}]\nname = '{}'\n", section, name);
    std::vector<ListedOption> options = below(listed(read, kDimensions, choice), section);
    // The name is what the table is about.
    std::erase_if(options, [&](const ListedOption& o) { return o.read.path == section + ".name"; });
    tables.push_back({.name = name,
                      .kind = Entry::kind(),
                      .summary = describe(registry.find(name)),
                      .options = std::move(options)});
  }
  return tables;
}

}  // namespace

std::vector<OptionTable> section_tables() {
  std::vector<OptionTable> tables;
  append_sections(tables, listed(read_section_options, kAny), kSummaries);
  append_sections(tables, below(listed(read_protocol_options, kDimensions), "protocol"),
                  kSummaries);
  append_sections(tables, listed(read_feature_options, kAny), kSummaries);
  append_sections(tables, listed(read_weight_options, kAny), kSummaries);
  append_sections(tables, below(listed(read_inference_options, kInferenceModes), "inference"),
                  kSummaries);
  return tables;
}

std::vector<OptionTable> setting_tables() {
  return plugin_tables<SettingEntry>("setting", read_setting_options,
                                     [](const SettingEntry& e) { return sentence(e.summary); });
}

std::vector<OptionTable> transform_tables() {
  std::vector<OptionTable> tables;
  for (const std::string& name : TransformRegistry::instance().names()) {
    const auto& entry = TransformRegistry::instance().find(name);
    const std::string section = "protocol.views.strong." + name;
    const Reader read = [&](const Config& config) { entry.make(config.section(section)); };
    tables.push_back({.name = name,
                      .kind = TransformEntry::kind(),
                      .summary = sentence(entry.summary),
                      .options = below(listed(read, kAny), section)});
  }
  return tables;
}

std::vector<OptionTable> dataset_tables() {
  return plugin_tables<DatasetEntry>("dataset", read_dataset_options,
                                     [](const DatasetEntry& e) { return sentence(e.summary); });
}

std::vector<OptionTable> backbone_tables() {
  return plugin_tables<BackboneEntry>(
      "backbone", read_backbone_options, [](const BackboneEntry& e) {
        return sentence(e.summary) + (e.paper.empty() ? "" : " " + sentence(e.paper));
      });
}

std::vector<OptionTable> method_tables() {
  return plugin_tables<MethodEntry>("method", read_method_options, [](const MethodEntry& e) {
    return sentence(e.summary) + (e.family.empty() ? "" : fmt::format(" Family: {}.", e.family)) +
           (e.paper.empty() ? "" : " " + sentence(e.paper));
  });
}

std::vector<OptionTable> sweep_tables() {
  const Reader read = [](const Config& config) {
    cluster::SweepOptions::read(config.section("sweep"));
  };
  std::vector<OptionTable> tables;
  append_sections(tables, listed(read, kAny), kSummaries);
  return tables;
}

std::vector<OptionTable> launcher_tables() {
  std::vector<OptionTable> tables;
  for (const std::string& name : cluster::LauncherRegistry::instance().names()) {
    const auto& entry = cluster::LauncherRegistry::instance().find(name);
    const Reader read = [&](const Config& config) {
      entry.read_options(config.section("cluster"));
    };
    tables.push_back({.name = name,
                      .kind = cluster::LauncherEntry::kind(),
                      .summary = sentence(entry.summary),
                      .options = listed(read, kAny)});
  }
  return tables;
}

std::string effect_text(Effect effect) {
  switch (effect) {
    case Effect::kResult:
      return "yes";
    case Effect::kMeasurement:
      return "no, only how they are measured";
    case Effect::kNone:
      break;
  }
  return "no";
}

}  // namespace semiseg
