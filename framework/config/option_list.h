// SPDX-License-Identifier: Apache-2.0
// The options of a component without the component: its reader is run on an empty configuration.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "framework/config/config.h"

namespace semiseg {

// Returns all options that `read` asks for. `given` is TOML with values that decide which options
// there are ("method.base = 'bcp'"). Required keys read as empty text, and a check of `read` that
// refuses such a value ends the list: a reader makes its checks behind its reads.
std::vector<OptionRead> list_options(const std::function<void(const Config&)>& read,
                                     const std::string& given = "");

// Reads the options of a plug-in and forgets them: the `read_options` of an entry whose options
// struct has a static function read(section), or read(section, context) where defaults depend on a
// context such as the shape of the network. The struct is then read in one place, whether it is
// used or listed.
template <class Options>
inline constexpr auto read_and_forget = [](const Config& section, const auto&... context) {
  if constexpr (requires { Options::read(section, context...); }) {
    Options::read(section, context...);
  } else {
    Options::read(section);
  }
};

}  // namespace semiseg
