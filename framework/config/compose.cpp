// SPDX-License-Identifier: Apache-2.0
#include "framework/config/compose.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "framework/config/compose_steps.h"
#include "framework/config/defaults.h"
#include "framework/config/toml.h"
#include "framework/core/error.h"

namespace semiseg {
namespace {

// The overrides of the command line: choices of files, and changes of values.
struct Changes {
  std::vector<Override> choices, values;
};

Changes parse_changes(const ComposeRequest& request, const ExperimentFiles& files) {
  Changes changes;
  for (const std::string& text : request.overrides) {
    Override change = parse_override(text);
    const bool is_section = change.value && change.value->is_section();
    const bool is_choice = change.package || change.key.find('/') != std::string::npos ||
                           (files.is_group(change.key) && !is_section);
    (is_choice ? changes.choices : changes.values).push_back(std::move(change));
  }
  return changes;
}

void merge_node(Value& root, const DefaultsNode& node) {
  if (node.is_self) {
    Value& section = make_section(root, node.package, {node.file->path.string()});
    merge(section, node.file->content, node.package);
  }
  for (const DefaultsNode& child : node.children) merge_node(root, child);
}

// Notes the option of every group below the node.
void note_choices(std::map<std::string, std::string>& choices, const DefaultsNode& node) {
  if (!node.choice.empty()) {
    const std::string file = node.file == nullptr ? "" : node.file->name;
    choices[node.choice] = file.substr(file.rfind('/') + 1);
  }
  for (const DefaultsNode& child : node.children) note_choices(choices, child);
}

void append_tree(std::string& text, const DefaultsNode& node, const std::string& indent) {
  if (node.is_self) {
    text += indent + "_self_\n";
    return;
  }
  if (node.file == nullptr) {
    text += fmt::format("{}{} = (none)\n", indent, node.choice);
    return;
  }
  const size_t slash = node.file->name.rfind('/');
  const std::string label =
      node.choice.empty() ? node.file->name
                          : fmt::format("{} = {}", node.choice, node.file->name.substr(slash + 1));
  const std::string place = node.package.empty() ? "" : fmt::format("  → [{}]", node.package);
  text += fmt::format("{}{}{}  ({})\n", indent, label, place, node.file->path.string());
  for (const DefaultsNode& child : node.children) append_tree(text, child, indent + "  ");
}

}  // namespace

Config compose(const ComposeRequest& request) { return Composer(request.search).compose(request); }

Composer::Composer(std::vector<std::filesystem::path> search)
    : files_(std::make_unique<ExperimentFiles>(std::move(search))) {}

Composer::~Composer() = default;

Config Composer::compose(const ComposeRequest& request) {
  ExperimentFiles& files = *files_;
  const Changes changes = parse_changes(request, files);
  const DefaultsTree defaults = build_defaults(files, request.name, changes.choices);
  auto tree = std::make_shared<ConfigTree>();
  tree->root = {Section{}, {request.name}};
  tree->groups = defaults.choices;
  if (request.name != "base") tree->choices["--config-name"] = request.name;
  note_choices(tree->choices, defaults.root);
  merge_node(tree->root, defaults.root);
  tree->chosen = tree->root;
  for (const Override& change : changes.values) apply_override(tree->root, change);
  interpolate(tree->root, request.now, request.environment);
  return Config(std::move(tree));
}

Config parse_config(const std::string& toml, const std::string& origin) {
  auto tree = std::make_shared<ConfigTree>();
  tree->root = tree->chosen = parse_toml(toml, origin);
  if (const Value* defaults = find(std::as_const(tree->root), "defaults")) {
    throw Error(ErrorKind::kConfig,
                {.what = "a resolved configuration has no defaults list",
                 .where = defaults->origin.where(),
                 .fix = "give the file to compose, which knows the search path"});
  }
  interpolate(tree->root, 0, {});
  return Config(std::move(tree));
}

std::string describe_groups(const ComposeRequest& request) {
  ExperimentFiles files(request.search);
  std::string text = "groups\n";
  for (const std::string& group : files.groups()) {
    text += fmt::format("  {}\n", group);
    const std::vector<std::string> options = files.options(group);
    size_t width = 0;
    for (const std::string& option : options) width = std::max(width, option.size());
    for (const std::string& option : options) {
      const std::string& summary = files.find(group + "/" + option)->summary;
      text += summary.empty() ? fmt::format("    {}\n", option)
                              : fmt::format("    {:<{}}  {}\n", option, width, summary);
    }
  }
  const Changes changes = parse_changes(request, files);
  text += "\ndefaults\n";
  append_tree(text, build_defaults(files, request.name, changes.choices).root, "  ");
  return text;
}

}  // namespace semiseg
