// SPDX-License-Identifier: Apache-2.0
#include "framework/config/compose_steps.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <set>

#include "framework/config/literal.h"
#include "framework/config/toml.h"
#include "framework/core/error.h"
#include "framework/core/nearest.h"

namespace semiseg {
namespace {

using Data = decltype(Value::data);

constexpr int kDeepest = 20;           // ${…} in ${…}
constexpr size_t kLongestChain = 500;  // keys that refer to each other: some frames each
constexpr size_t kMostExpanded = size_t{1} << 20;  // bytes of all that was put in

class Interpolation {
 public:
  Interpolation(Value& root, int64_t now, const std::map<std::string, std::string>& environment)
      : root_(root), now_(now), environment_(environment) {}

  void resolve(Value& value, const std::string& path) {
    // A resolved string may hold "${" that was escaped, so nothing is looked at twice.
    if (done_.contains(&value)) return;
    if (auto* list = std::get_if<List>(&value.data)) {
      for (Value& element : *list) resolve(element, path);
    } else if (auto* section = std::get_if<Section>(&value.data)) {
      for (auto& [key, below] : *section) resolve(below, join_path(path, key));
    } else if (const auto* text = std::get_if<std::string>(&value.data)) {
      resolve_text(value, std::string(*text), path);
    }
  }

 private:
  struct Pending {
    const Value* value;
    std::string path;
  };

  void resolve_text(Value& value, const std::string& text, const std::string& path) {
    if (text.find("${") == std::string::npos) return;
    const auto same = [&value](const Pending& pending) { return pending.value == &value; };
    const auto first = std::find_if(pending_.begin(), pending_.end(), same);
    if (first != pending_.end()) {
      std::string chain;
      for (auto step = first; step != pending_.end(); ++step) chain += step->path + " → ";
      fail(fmt::format("the interpolation never ends: {}{}", chain, path));
    }
    pending_.push_back({&value, path});
    if (pending_.size() > kLongestChain) fail("too many keys refer to each other in a row");
    const bool whole = text.starts_with("${") && interpolation_end(text, 0) == text.size();
    value.data = whole ? evaluate(text.substr(2, text.size() - 3)) : Data(expand(text));
    const bool is_compound = value.is_section() || std::holds_alternative<List>(value.data);
    if (value.is_text && !is_compound) value.data = plain_text(value);
    pending_.pop_back();
    done_.insert(&value);
  }

  // Text with every ${…} replaced.
  std::string expand(const std::string& text) {
    if (text.find("${") == std::string::npos) return text;
    if (++depth_ > kDeepest) fail("interpolations are nested too deeply");
    std::string result = expanded(text);
    --depth_;
    return result;
  }

  std::string expanded(const std::string& text) {
    std::string result;
    size_t at = 0;
    for (size_t start; (start = text.find("${", at)) != std::string::npos;) {
      size_t backslashes = 0;
      while (start - backslashes > at && text[start - backslashes - 1] == '\\') ++backslashes;
      result.append(text, at, start - at - (backslashes + 1) / 2);
      if (backslashes % 2 == 1) {
        result += "${";
        at = start + 2;
        continue;
      }
      at = interpolation_end(text, start);
      if (at == std::string::npos) fail(fmt::format("'${{' is not closed in '{}'", text));
      const Value piece{evaluate(text.substr(start + 2, at - start - 3)), {}};
      if (piece.is_section() || std::holds_alternative<List>(piece.data)) {
        fail(fmt::format("a {} cannot stand inside other text: '{}'", type_name(piece), text));
      }
      const std::string put_in = plain_text(piece);
      spend(put_in.size());
      result += put_in;
    }
    return result + text.substr(at);
  }

  // Evaluates the text between "${" and "}".
  Data evaluate(const std::string& inside) {
    const std::string body = expand(inside);
    const size_t colon = body.find(':');
    if (colon == std::string::npos) return referenced(std::string(trim(body)));
    const std::string kind(trim(std::string_view(body).substr(0, colon)));
    const std::string argument = body.substr(colon + 1);
    if (kind == "env" || kind == "oc.env") return variable(argument);
    if (kind == "now") return time_text(argument);
    fail(fmt::format("unknown kind of interpolation '{}'", kind),
         suggestion(kind, {"env", "oc.env", "now"}));
  }

  Data referenced(const std::string& path) {
    Value* value = path.empty() ? nullptr : find(root_, path);
    if (value == nullptr) {
      fail(fmt::format("interpolation of a key that is not there: '{}'", path),
           suggestion(path, paths(root_)));
    }
    resolve(*value, path);
    spend(size_of(*value));
    return value->data;
  }

  Data variable(const std::string& argument) {
    const size_t comma = argument.find(',');
    const std::string name(trim(std::string_view(argument).substr(0, comma)));
    const auto found = environment_.find(name);
    if (found == environment_.end() && comma == std::string::npos) {
      fail(fmt::format("the environment variable '{}' is not set", name), "",
           fmt::format("set it, or give a default: ${{env:{},default}}", name));
    }
    const std::string text = found != environment_.end()
                                 ? found->second
                                 : std::string(trim(std::string_view(argument).substr(comma + 1)));
    if (pending_.back().value->is_text) return text;
    const auto literal = parse_literal(text);
    return literal ? literal->data : Data(text);
  }

  Data time_text(const std::string& format) {
    const std::time_t seconds = now_;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::string text(256, '\0');
    text.resize(std::strftime(text.data(), text.size(), format.c_str(), &parts));
    return text;
  }

  // Text that doubles with each line of a short file would fill the memory.
  void spend(size_t size) {
    spent_ += size;
    if (spent_ > kMostExpanded) fail("interpolations make the configuration too large");
  }

  static size_t size_of(const Value& value) {
    size_t size = 16;
    if (const auto* text = std::get_if<std::string>(&value.data)) size += text->size();
    if (const auto* list = std::get_if<List>(&value.data)) {
      for (const Value& element : *list) size += size_of(element);
    } else if (const auto* section = std::get_if<Section>(&value.data)) {
      for (const auto& [key, below] : *section) size += key.size() + size_of(below);
    }
    return size;
  }

  [[noreturn]] void fail(std::string what, std::string expected = "", std::string fix = "") const {
    const Pending& holder = pending_.back();
    throw Error(ErrorKind::kConfig,
                {.what = std::move(what),
                 .where = fmt::format("'{}' at {}", holder.path, holder.value->origin.where()),
                 .expected = std::move(expected),
                 .fix = std::move(fix)});
  }

  Value& root_;
  int64_t now_;
  const std::map<std::string, std::string>& environment_;
  std::vector<Pending> pending_;
  std::set<const Value*> done_;
  int depth_ = 0;
  size_t spent_ = 0;
};

}  // namespace

void interpolate(Value& root, int64_t now, const std::map<std::string, std::string>& environment) {
  Interpolation(root, now, environment).resolve(root, "");
}

}  // namespace semiseg
