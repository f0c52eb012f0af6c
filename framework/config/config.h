// SPDX-License-Identifier: Apache-2.0
// A read-only view of one section of the resolved configuration. A component reads its section once
// into an options struct; every read is recorded, so that a key that no component reads is an error
// and `semiseg info` can list all options.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace semiseg {

// Bounds of a number, both inclusive.
struct Range {
  double low, high;
};

// Says what an option can change. Only options of kResult belong to the identity of a run: two runs
// that differ in others are one run, which is resumed.
enum class Effect {
  kResult,       // weights or predictions
  kMeasurement,  // only how predictions are measured: a finished run can be measured again
  kNone,         // neither: speed, memory, places, records
};

// The properties of one key, as the component that read it declared them.
struct OptionRead {
  std::string path;           // "method.ema_decay"
  std::string type;           // "float", "integer", "boolean", "string", "list of …"
  std::string default_value;  // as TOML; empty when the key must be given
  std::string allowed;        // "0 to 1", "poly, step, constant" or empty
  std::string doc;
  Effect effect = Effect::kResult;
};

// One setting that can change a result.
struct OptionValue {
  std::string value;        // as TOML, in the option's type: 10 of a float is "10.0"
  bool is_default = false;  // the value equals the default, whether it was given or not
};

struct ConfigTree;  // the values with their origins (value.h); compose.h makes it

class Config {
 public:
  explicit Config(std::shared_ptr<const ConfigTree> tree, std::string path = "");

  // Returns the section below this one; an absent section is empty, so that its reads leave the
  // defaults. Throws kConfig when the key holds a value instead.
  Config section(std::string_view key) const;
  bool has(std::string_view key) const;
  // Returns the names of the sections directly below this one, in the order of their files.
  std::vector<std::string> sections() const;
  const std::string& path() const { return path_; }

  // Reads `key` into `value`; an absent key leaves the default that is in it. Throws kConfig with
  // file, line, expected and got when the type is wrong or the value is out of range or not among
  // the choices. An integer is accepted where a float is read, never the other way round. `doc`:
  // sentences that say what the option is, its unit, and when to change it.
  void read(std::string_view key, bool& value, std::string_view doc,
            Effect effect = Effect::kResult) const;
  void read(std::string_view key, int64_t& value, Range range, std::string_view doc,
            Effect effect = Effect::kResult) const;
  void read(std::string_view key, double& value, Range range, std::string_view doc,
            Effect effect = Effect::kResult) const;
  void read(std::string_view key, std::string& value, std::string_view doc,
            Effect effect = Effect::kResult) const;
  void read(std::string_view key, std::string& value, const std::vector<std::string>& choices,
            std::string_view doc, Effect effect = Effect::kResult) const;
  void read(std::string_view key, std::vector<int64_t>& value, Range range, std::string_view doc,
            Effect effect = Effect::kResult) const;
  void read(std::string_view key, std::vector<double>& value, Range range, std::string_view doc,
            Effect effect = Effect::kResult) const;
  void read(std::string_view key, std::vector<std::string>& value, std::string_view doc,
            Effect effect = Effect::kResult) const;

  // As `read`, but kConfig when the key is absent.
  std::string required(std::string_view key, std::string_view doc,
                       Effect effect = Effect::kResult) const;

  // Throws kConfig about this key, with file and line of its value: for checks that only the
  // component can make.
  [[noreturn]] void fail(std::string_view key, std::string what, std::string expected,
                         std::string fix = "") const;

  // Returns all reads so far through any view of the same tree, in order of the first read.
  std::vector<OptionRead> reads() const;

  // Throws kConfig naming every key that no component has read: file, line, and the nearest key
  // that was read.
  void check_all_read() const;

  // The whole section as TOML. With origins: each key followed by "# file:line".
  std::string to_toml(bool origins = false) const;

  // Returns a 64-bit hash of the resolved values below this section, without `ignored` paths (full
  // dotted paths; a path covers all below it). Independent of the order in which keys were set.
  uint64_t hash(const std::vector<std::string>& ignored = {}) const;

  // Returns every setting of the whole configuration that can change a result, by path, given or
  // default. Call it once every option has been read; a given key that nothing has read counts as
  // it is written.
  std::map<std::string, OptionValue> settings() const;

  // Returns the settings of `other` by the options that were read from this configuration. Equal
  // maps mean the same experiment: with equal values, the same options would be read from both.
  std::map<std::string, OptionValue> settings_of(const Config& other) const;

  // Returns the option of every group that a file or the command line chose, by the group as the
  // command line writes it ("method", "dataset@source"); empty for a configuration out of one file.
  const std::map<std::string, std::string>& choices() const;

  // Returns those settings, as TOML by path, that the command line changed: another value than that
  // of the chosen files or, where they have none, than the default.
  std::map<std::string, std::string> overridden() const;

  // Says that values of `key` have other names now: the present one by the former one. Settings are
  // compared by the present names; identity() keeps the former ones, so that a run stays the same.
  void renamed(std::string_view key, const std::map<std::string, std::string>& present) const;

  // Returns a 64-bit hash of the settings that are no defaults, without those at the `without`
  // paths. An option that a later version adds does not change it as long as it has its default.
  uint64_t identity(const std::vector<std::string>& without = {}) const;

 private:
  std::shared_ptr<const ConfigTree> tree_;
  std::string path_;
};

}  // namespace semiseg
