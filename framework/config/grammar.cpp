// SPDX-License-Identifier: Apache-2.0
#include "framework/config/grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include "framework/config/literal.h"
#include "framework/core/error.h"
#include "framework/files/text_lines.h"

namespace semiseg {
namespace {

constexpr size_t kShown = 200;  // characters of a long override

constexpr std::string_view kEscapable = "\\()[]{}:=,'\" \t";

[[noreturn]] void fail(const std::string& text, std::string what, std::string expected = "",
                       std::string fix = "") {
  throw Error(ErrorKind::kConfig, {.what = std::move(what),
                                   .where = "command line: " + text,
                                   .expected = std::move(expected),
                                   .fix = std::move(fix)});
}

[[noreturn]] void fail_sweep(const std::string& text, const std::string& key,
                             std::string_view value) {
  fail(text, "several values for one key are a sweep", "one value",
       fmt::format("semiseg sweep starts a run for each of them; quotes make it a string: "
                   "\"{0}='{1}'\"; brackets make it a list: {0}=[{1}]",
                   key, value));
}

// The part of an override after its first '='.
class ValueParser {
 public:
  ValueParser(std::string_view value, const Override& whole) : value_(value), whole_(whole) {}

  Value parse() {
    Value result = element();
    skip_spaces();
    if (at_ < value_.size() && value_[at_] == ',')
      fail_sweep(whole_.text, whole_.key, trim(value_));
    if (at_ < value_.size()) unexpected();
    return result;
  }

 private:
  Value element() {
    skip_spaces();
    if (at_ == value_.size()) return made(std::string());
    const char first = value_[at_];
    if (first == '[' || first == '{') return compound(first);
    if (first == '\'' || first == '"') return made(quoted());
    return bare();
  }

  Value compound(char first) {
    constexpr int kDeepest = 100;
    if (++depth_ > kDeepest)
      fail(whole_.text.substr(0, kShown), "brackets are nested too deeply",
           fmt::format("at most {}", kDeepest));
    Value value = first == '[' ? list() : section();
    --depth_;
    return value;
  }

  Value list() {
    List elements;
    ++at_;
    if (!accept(']')) {
      do {
        elements.push_back(element());
      } while (accept(','));
      require(']');
    }
    return made(std::move(elements));
  }

  Value section() {
    Section entries;
    ++at_;
    if (!accept('}')) {
      do {
        std::string key = section_key();
        require(':');
        const auto same = [&key](const Entry& entry) { return entry.key == key; };
        if (std::any_of(entries.begin(), entries.end(), same)) {
          fail(whole_.text, fmt::format("the key '{}' stands twice in {{…}}", key));
        }
        entries.push_back({std::move(key), element()});
      } while (accept(','));
      require('}');
    }
    return made(std::move(entries));
  }

  std::string section_key() {
    skip_spaces();
    const bool in_quotes = at_ < value_.size() && (value_[at_] == '\'' || value_[at_] == '"');
    const size_t end = std::min(value_.find_first_of(":,}]", at_), value_.size());
    const std::string key = in_quotes ? quoted() : std::string(trim(value_.substr(at_, end - at_)));
    if (!in_quotes) at_ = end;
    if (key.empty() || key.find('.') != std::string::npos) {
      fail(whole_.text, fmt::format("'{}' is no key of {{…}}", key), "{a: 1, b: {c: 2}}");
    }
    return key;
  }

  std::string quoted() {
    const char mark = value_[at_++];
    std::string text;
    while (at_ < value_.size() && value_[at_] != mark) {
      const bool escape = value_[at_] == '\\' && at_ + 1 < value_.size() &&
                          (value_[at_ + 1] == mark || value_[at_ + 1] == '\\');
      if (escape) ++at_;
      text += value_[at_++];
    }
    if (at_ == value_.size()) fail(whole_.text, fmt::format("the quote {} is not closed", mark));
    ++at_;
    return text;
  }

  Value bare() {
    std::string text;
    size_t kept = 0;  // length up to the last character that trimming must not take
    bool escaped = false;
    while (at_ < value_.size() && std::string_view(",]}").find(value_[at_]) == std::string::npos) {
      const char c = value_[at_];
      if (c == '\\' && at_ + 1 < value_.size() &&
          kEscapable.find(value_[at_ + 1]) != std::string::npos) {
        text += value_[at_ + 1];
        at_ += 2;
        kept = text.size();
        escaped = true;
      } else if (value_.compare(at_, 2, "${") == 0) {
        text += interpolation();
        kept = text.size();
      } else {
        if (c == '(') fail_call(text);
        if (std::string_view("[{)'\"").find(c) != std::string::npos) unexpected();
        text += c;
        ++at_;
        if (kSpaces.find(c) == std::string_view::npos) kept = text.size();
      }
    }
    text.resize(kept);
    if (escaped) return made(std::move(text));
    auto literal = parse_literal(text);
    return made(literal ? std::move(literal->data) : decltype(Value::data)(std::move(text)));
  }

  std::string interpolation() {
    const size_t end = interpolation_end(value_, at_);
    if (end == std::string_view::npos) fail(whole_.text, "'${' is not closed", "${section.key}");
    const size_t start = std::exchange(at_, end);
    return std::string(value_.substr(start, end - start));
  }

  [[noreturn]] void fail_call(const std::string& word) {
    static const std::set<std::string> kSweeps = {"choice", "range", "interval", "glob",
                                                  "zip",    "sort",  "shuffle",  "tag"};
    if (kSweeps.contains(word)) {
      fail(whole_.text, fmt::format("'{}(…)' is a sweep", word), "one value",
           "semiseg sweep takes a=1,2, a=range(0,5) and zip(a=[1,2],b=[x,y]); quotes make it a "
           "string");
    }
    unexpected();
  }

  [[noreturn]] void unexpected() {
    fail(whole_.text, fmt::format("unexpected '{}' in the value of '{}'", value_[at_], whole_.key),
         "a number, true, false, text, 'text in quotes', [a, b] or {a: 1}",
         "put the value in quotes, or a backslash before the character");
  }

  void skip_spaces() {
    while (at_ < value_.size() && kSpaces.find(value_[at_]) != std::string::npos) ++at_;
  }

  bool accept(char c) {
    skip_spaces();
    if (at_ == value_.size() || value_[at_] != c) return false;
    ++at_;
    return true;
  }

  void require(char c) {
    if (accept(c)) return;
    if (at_ < value_.size()) unexpected();
    fail(whole_.text, fmt::format("the value of '{}' ends too early", whole_.key),
         fmt::format("'{}'", c));
  }

  Value made(decltype(Value::data) data) const { return {std::move(data), whole_.origin()}; }

  std::string_view value_;
  const Override& whole_;
  size_t at_ = 0;
  int depth_ = 0;
};

void check_key(const Override& parsed) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("_-./").find(static_cast<char>(c)) != std::string::npos;
  };
  const auto well_formed = [&](const std::string& name) {
    const std::string framed = "." + name + ".";
    return std::all_of(name.begin(), name.end(), allowed) &&
           framed.find("..") == std::string::npos && framed.find("./") == std::string::npos &&
           framed.find("/.") == std::string::npos;
  };
  if (!well_formed(parsed.key) || !well_formed(parsed.package.value_or("_global_"))) {
    fail(parsed.text, fmt::format("'{}' is no key", parsed.key),
         "section.key or group or group@package, of letters, digits, '_' and '-'");
  }
}

}  // namespace

Override parse_override(const std::string& text) {
  if (!is_utf8(text)) {
    const std::string key = text.substr(0, text.find('='));
    fail(is_utf8(key) ? key : "a key", "a value is not text in UTF-8",
         "UTF-8, in names of files and folders, too: the run's config.toml has to say it");
  }
  Override parsed{.text = text};
  std::string_view rest = text;
  for (const auto& [prefix, action] : {std::pair<std::string_view, Action>{"++", Action::kForce},
                                       {"+", Action::kAdd},
                                       {"~", Action::kDelete}}) {
    if (!rest.starts_with(prefix)) continue;
    parsed.action = action;
    rest.remove_prefix(prefix.size());
    break;
  }
  const size_t equals = rest.find('=');
  if (equals == std::string_view::npos && parsed.action != Action::kDelete) {
    fail(text, "this is no override: there is no '='", "key=value, +key=value, ++key=value, ~key");
  }
  const std::string_view name = rest.substr(0, equals);
  parsed.key = name.substr(0, name.find('@'));
  if (parsed.key.size() < name.size()) parsed.package = name.substr(parsed.key.size() + 1);
  check_key(parsed);
  if (equals == std::string_view::npos) return parsed;

  const std::string_view value = rest.substr(equals + 1);
  parsed.is_null = lower_case(trim(value)) == "null";
  parsed.value = ValueParser(value, parsed).parse();
  const auto* word = std::get_if<std::string>(&parsed.value->data);
  if (!parsed.is_null) parsed.option = word != nullptr ? *word : std::string(trim(value));
  return parsed;
}

}  // namespace semiseg
