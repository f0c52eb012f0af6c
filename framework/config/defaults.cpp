// SPDX-License-Identifier: Apache-2.0
#include "framework/config/defaults.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "framework/core/error.h"
#include "framework/core/nearest.h"

namespace semiseg {
namespace {

constexpr std::string_view kGlobal = "_global_";

std::string dots(std::string path) {
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

// "method/bcp" → "method"; "base" → "".
std::string folder_of(const std::string& name) {
  const size_t slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

// "method" when its content goes to the section of that name, else "method@package".
std::string choice_key(const std::string& group, const std::string& package) {
  if (package == dots(group)) return group;
  return fmt::format("{}@{}", group, package.empty() ? kGlobal : package);
}

// The section that `package`, as written, means in a file whose content goes to `parent`.
std::string package_below(const std::string& parent, const std::string& package) {
  if (package == "_here_") return parent;
  if (package == kGlobal) return "";
  if (package.starts_with("_global_.")) return package.substr(kGlobal.size() + 1);
  return join_path(parent, package);
}

[[noreturn]] void fail(const Origin& origin, ErrorParts parts) {
  parts.where = origin.where();
  throw Error(ErrorKind::kConfig, std::move(parts));
}

// The file that lists an entry: its names and packages are relative to these.
struct Home {
  std::string group, package;
};

class Builder {
 public:
  Builder(ExperimentFiles& files, const std::vector<Override>& overrides) : files_(files) {
    for (const Override& change : overrides) {
      const std::string package =
          change.package ? package_below("", *change.package) : dots(change.key);
      overrides_.push_back({choice_key(change.key, package), &change});
    }
  }

  DefaultsTree build(const std::string& name) {
    // A choice may sit behind the place that it decides, in a file that another choice brings in;
    // so the walk is repeated until it has seen the choices that it used.
    constexpr int kRounds = 16;
    for (int round = 0; round < kRounds; ++round) {
      const std::map<std::string, std::string> used = std::exchange(listed_, {});
      decided_ = used;
      placed_.clear();
      DefaultsTree tree{walk_top(name), {placed_.begin(), placed_.end()}};
      if (listed_ != used) continue;
      check_choices();
      return tree;
    }
    fail({name}, {.what = "the defaults choose in a cycle: one option's defaults undo the choice "
                          "that brought it in",
                  .expected = "choices that do not undo each other",
                  .got = fmt::format("{}", fmt::join(placed_, ", "))});
  }

 private:
  struct Choice {
    std::string key;
    const Override* change;
  };

  DefaultsNode walk_top(const std::string& name) {
    const ExperimentFile& file = existing(name, {"command line"});
    DefaultsNode top = walk_file(file, "", {"", ""}, {"command line"});
    for (const Choice& choice : overrides_) {
      const Action action = choice.change->action;
      const bool present = placed_.contains(choice.key);
      if (action == Action::kAdd && present) {
        fail(choice.change->origin(),
             {.what = fmt::format("the group '{}' is in the defaults already", choice.key),
              .fix = fmt::format("{}={} chooses its option", choice.key, choice.change->option)});
      }
      if (action != Action::kAdd && (action != Action::kForce || present)) continue;
      const DefaultsEntry entry{DefaultsEntry::Kind::kGroup, "/" + choice.change->key,
                                choice.change->package, choice.change->option,
                                choice.change->origin()};
      walk_group(entry, {"", ""}, top);
    }
    return top;
  }

  DefaultsNode walk_file(const ExperimentFile& file, const std::string& choice, const Home& home,
                         const Origin& origin) {
    const auto first = std::find(open_.begin(), open_.end(), file.name);
    if (first != open_.end()) {
      fail(origin, {.what = fmt::format("the defaults go in a cycle: {} → {}",
                                        fmt::join(first, open_.end(), " → "), file.name)});
    }
    open_.push_back(file.name);
    DefaultsNode node{choice, &file, home.package, false, {}};
    for (const DefaultsEntry& entry : file.defaults) {
      if (entry.kind == DefaultsEntry::Kind::kSelf) {
        node.children.push_back({"", &file, home.package, true, {}});
      } else if (entry.kind == DefaultsEntry::Kind::kFile) {
        const std::string name = absolute(entry.name, home.group);
        const std::string implied = entry.name[0] == '/' ? "_global_." + dots(folder_of(name))
                                                         : dots(folder_of(entry.name));
        node.children.push_back(walk_option(name, "", implied, entry, home));
      } else {
        walk_group(entry, home, node);
      }
    }
    open_.pop_back();
    return node;
  }

  // `implied` is the package when neither the entry nor the file names one.
  DefaultsNode walk_option(const std::string& name, const std::string& choice,
                           const std::string& implied, const DefaultsEntry& entry,
                           const Home& home) {
    const ExperimentFile& file = existing(name, entry.origin);
    const std::string package =
        package_below(home.package, entry.package.value_or(file.package.value_or(implied)));
    return walk_file(file, choice, {folder_of(name), package}, entry.origin);
  }

  void walk_group(const DefaultsEntry& entry, const Home& home, DefaultsNode& parent) {
    const std::string group = absolute(entry.name, home.group);
    const std::string implied = entry.name[0] == '/' ? "_global_." + dots(group) : dots(entry.name);
    const std::string key =
        choice_key(group, package_below(home.package, entry.package.value_or(implied)));
    listed_[key] = entry.option;
    if (!placed_.insert(key).second) return;
    DefaultsEntry decided = entry;
    const auto listed = decided_.find(key);
    if (listed != decided_.end()) decided.option = listed->second;
    const auto last = std::find_if(overrides_.rbegin(), overrides_.rend(),
                                   [&key](const Choice& choice) { return choice.key == key; });
    if (last != overrides_.rend() && !apply(*last->change, decided)) return;
    if (decided.option.empty()) {
      parent.children.push_back({key, nullptr, "", false, {}});
    } else {
      parent.children.push_back(
          walk_option(group + "/" + decided.option, key, implied, decided, home));
    }
  }

  // False when the override deletes the group.
  static bool apply(const Override& change, DefaultsEntry& entry) {
    if (change.action != Action::kDelete) {
      entry.option = change.option;
      entry.origin = change.origin();
      return true;
    }
    if (change.value && change.option != entry.option) {
      fail(change.origin(), {.what = "the group is not deleted, because its option differs",
                             .expected = change.option,
                             .got = fmt::format("{} from {}", entry.option, entry.origin.where())});
    }
    return false;
  }

  static std::string absolute(const std::string& name, const std::string& group) {
    if (name[0] == '/') return name.substr(1);
    return group.empty() ? name : group + "/" + name;
  }

  const ExperimentFile& existing(const std::string& name, const Origin& origin) {
    if (const ExperimentFile* file = files_.find(name)) return *file;
    const std::string group = folder_of(name);
    const std::string option = group.empty() ? name : name.substr(group.size() + 1);
    if (group.empty()) {
      fail(origin, {.what = fmt::format("there is no file '{}.toml' in {}", name,
                                        fmt::join(search_names(), ", ")),
                    .expected = suggestion(name, files_.options(""))});
    }
    if (!files_.is_group(group)) {
      fail(origin, {.what = fmt::format("unknown group '{}'", group),
                    .expected = suggestion(group, files_.groups())});
    }
    fail(origin, {.what = fmt::format("unknown option '{}' of group '{}'", option, group),
                  .expected = suggestion(option, files_.options(group)),
                  .fix = "--info lists the groups and their options"});
  }

  std::vector<std::string> search_names() const {
    std::vector<std::string> names;
    for (const auto& folder : files_.search()) names.push_back(folder.string());
    return names;
  }

  void check_choices() const {
    for (const auto& [key, change] : overrides_) {
      if (listed_.contains(key)) continue;
      std::vector<std::string> keys;
      for (const auto& [listed, option] : listed_) keys.push_back(listed);
      const bool known = files_.is_group(change->key);
      fail(change->origin(),
           {.what = known ? fmt::format("the group '{}' is not in the defaults list", key)
                          : fmt::format("unknown group '{}'", key),
            .expected = suggestion(key, keys),
            .fix = known && change->action == Action::kSet
                       ? fmt::format("+{} appends it to the list", change->text)
                       : ""});
    }
  }

  ExperimentFiles& files_;
  std::vector<Choice> overrides_;
  std::map<std::string, std::string> decided_;  // options that the previous round listed last
  std::map<std::string, std::string> listed_;   // … and this round
  std::set<std::string> placed_;
  std::vector<std::string> open_;  // files being walked
};

}  // namespace

DefaultsTree build_defaults(ExperimentFiles& files, const std::string& name,
                            const std::vector<Override>& choices) {
  return Builder(files, choices).build(name);
}

}  // namespace semiseg
