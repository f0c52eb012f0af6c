// SPDX-License-Identifier: Apache-2.0
#include "framework/core/state.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <sstream>
#include <vector>

#include "framework/core/error.h"

namespace semiseg {

void StateVisitor::scope(std::string_view name, const std::function<void(StateVisitor&)>& visit) {
  const std::string outer = prefix_;
  prefix_ += std::string(name) + "/";
  visit(*this);
  prefix_ = outer;
}

namespace {

class Taker : public StateVisitor {
 public:
  explicit Taker(StateMap& map) : map_(map) {}
  void tensor(std::string_view name, at::Tensor& value) override {
    if (value.defined()) keep(name, value.detach().to(at::kCPU, value.scalar_type(), false, true));
  }
  void scalar(std::string_view name, int64_t& value) override { keep(name, value); }
  void scalar(std::string_view name, double& value) override { keep(name, value); }
  void text(std::string_view name, std::string& value) override { keep(name, value); }

 private:
  void keep(std::string_view name, StateValue value) {
    const bool is_new = map_.emplace(full_name(name), std::move(value)).second;
    SEMISEG_CHECK(is_new, "state name used twice: " + full_name(name));
  }
  StateMap& map_;
};

std::string describe(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.scalar_type() << ' ' << tensor.sizes();
  return text.str();
}

class Putter : public StateVisitor {
 public:
  explicit Putter(const StateMap& map) : map_(map) {}

  void tensor(std::string_view name, at::Tensor& value) override {
    const auto* saved = take<at::Tensor>(name, /*optional=*/!value.defined());
    if (!saved) return;
    if (!value.defined()) {
      value = saved->clone();
    } else if (value.sizes() != saved->sizes() || value.scalar_type() != saved->scalar_type()) {
      faults_.push_back(
          fmt::format("{}: {} here, {} saved", full_name(name), describe(value), describe(*saved)));
    } else {
      const at::NoGradGuard no_grad;
      value.copy_(*saved);
    }
  }
  void scalar(std::string_view name, int64_t& value) override {
    if (const auto* saved = take<int64_t>(name)) value = *saved;
  }
  void scalar(std::string_view name, double& value) override {
    if (const auto* saved = take<double>(name)) value = *saved;
  }
  void text(std::string_view name, std::string& value) override {
    if (const auto* saved = take<std::string>(name)) value = *saved;
  }

  void finish() {
    for (const auto& [name, value] : map_) {
      if (!seen_.contains(name)) faults_.push_back(name + ": saved, but nothing here takes it");
    }
    if (faults_.empty()) return;
    throw Error(ErrorKind::kIo, {.what = "the saved state does not fit this configuration",
                                 .got = fmt::format("{}", fmt::join(faults_, "; ")),
                                 .fix = "use the configuration that made the state"});
  }

 private:
  template <class T>
  const T* take(std::string_view name, bool optional = false) {
    const std::string full = full_name(name);
    seen_.insert(full);
    const auto found = map_.find(full);
    const T* value = found == map_.end() ? nullptr : std::get_if<T>(&found->second);
    if (!value && !optional) faults_.push_back(full + ": missing or of another type");
    return value;
  }
  const StateMap& map_;
  std::set<std::string> seen_;
  std::vector<std::string> faults_;
};

}  // namespace

StateMap take_state(const Stateful& object) {
  StateMap map;
  Taker taker(map);
  object(taker);
  return map;
}

void put_state(const Stateful& object, const StateMap& state) {
  Putter putter(state);
  object(putter);
  putter.finish();
}

}  // namespace semiseg
