// SPDX-License-Identifier: Apache-2.0
#include "framework/checkpoint/best_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "framework/checkpoint/checkpoint.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/log.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// On disk, do not rename: the prefix of a file set aside, and the entry of the step.
const std::string kAside = "best.";
constexpr const char* kStep = "step";

// Removes the step from a best state and returns it; nullopt when the file has none.
std::optional<int64_t> take_step(StateMap& state) {
  const auto found = state.find(kStep);
  if (found == state.end()) return std::nullopt;
  const int64_t step = std::get<int64_t>(found->second);
  state.erase(found);
  return step;
}

// Returns the step of a best state; nullopt when the file is absent or damaged.
std::optional<int64_t> step_of(const fs::path& file) {
  if (!fs::exists(file)) return std::nullopt;
  try {
    StateMap state = load_checkpoint(file);
    return take_step(state);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;
    log::warn("the best weights so far are lost:\n{}", error.what());
    return std::nullopt;
  }
}

void rename_file(const fs::path& from, const fs::path& to) {
  std::error_code code;
  if (file_fault("rename", to)) {
    code = std::make_error_code(std::errc::no_space_on_device);
  } else {
    fs::rename(from, to, code);
  }
  if (!code) return;
  throw Error(ErrorKind::kIo,
              {.what = "cannot rename to " + to.filename().string() + " (" + code.message() + ")",
               .where = from.string()});
}

// Gives the file a second name, so that the first one never vanishes; renames it where hard links
// fail.
void set_aside(const fs::path& from, const fs::path& to) {
  std::error_code code;
  fs::create_hard_link(from, to, code);
  if (code && !fs::exists(to)) rename_file(from, to);
}

}  // namespace

// A checkpoint refers to the last best state before it.
void BestCheckpoint::keep_for(const std::vector<int64_t>& kept) {
  int64_t next = step_.value_or(std::numeric_limits<int64_t>::max());
  const auto bests = numbered_files(folder_, kAside);
  for (auto best = bests.rbegin(); best != bests.rend(); next = best->first, ++best) {
    const bool is_needed = std::any_of(
        kept.begin(), kept.end(), [&](int64_t step) { return best->first <= step && step < next; });
    if (!is_needed) remove_checkpoint(best->second);
  }
}

fs::path BestCheckpoint::aside(int64_t step) const {
  return folder_ / fmt::format("{}{:06}.h5", kAside, step);
}

void BestCheckpoint::save(const StateMap& state, int64_t step) {
  SEMISEG_CHECK(!state.contains(kStep), "the entry 'step' of a best state is ours");
  if (step_) set_aside(file(), aside(*step_));
  StateMap marked = state;
  marked[kStep] = step;
  save_checkpoint(marked, file());
  step_ = step;
}

StateMap BestCheckpoint::load(std::optional<int64_t> step) const {
  StateMap state = load_checkpoint(file());
  const std::optional<int64_t> found = take_step(state);
  if (!step || found == step) return state;
  throw Error(ErrorKind::kData,
              {.what = "the best weights are not those of this training",
               .where = file().string(),
               .expected = fmt::format("those after {} iterations", *step),
               .got = fmt::format("those after {}", found.value_or(0)),
               .fix = "bring back the file, or remove the folder to start at the beginning"});
}

bool BestCheckpoint::rewind(int64_t step) {
  for (const auto& [later, best] : numbered_files(folder_, kAside)) {
    if (later > step) remove_checkpoint(best);
  }
  step_ = step_of(file());
  if (step_ == step) return true;
  if (!fs::exists(aside(step))) return step == 0;
  rename_file(aside(step), file());
  step_ = step;
  return true;
}

bool BestCheckpoint::exists() const { return fs::exists(file()); }

}  // namespace semiseg
