// SPDX-License-Identifier: Apache-2.0
#include "framework/core/plugins/registry.h"

#include <set>

#include "framework/core/log.h"

namespace semiseg {
namespace {

// Null unless a plug-in is being loaded.
TakenNames* listener = nullptr;

}  // namespace

TakenNames::TakenNames() { listener = this; }
TakenNames::~TakenNames() { listener = nullptr; }

void refuse_taken_name(const std::string& kind, const std::string& name) {
  const std::string text = kind + " '" + name + "'";
  SEMISEG_CHECK(listener != nullptr, text + " is registered twice");
  listener->names.push_back(text);
}

void say_renamed(const std::string& former, const std::string& present) {
  static std::set<std::string> said;
  if (said.insert(former).second) log::info("{} is called {} now", former, present);
}

}  // namespace semiseg
