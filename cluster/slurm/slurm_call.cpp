// SPDX-License-Identifier: Apache-2.0
#include "cluster/slurm/slurm_call.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/log.h"

namespace semiseg::cluster {
namespace {

constexpr double kLongestCall = 60, kFirstPause = 1, kLongestPause = 30;  // seconds

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

CommandResult run_once(const std::vector<std::string>& words) {
  try {
    return run_command(words, kLongestCall);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kConfig) throw;
    throw Error(ErrorKind::kConfig,
                {.what = "there is no Slurm on this machine",
                 .where = words[0],
                 .expected = "the program " + words[0] + " in PATH",
                 .fix = "give the command on a login node, or cluster=local to train here"});
  }
}

}  // namespace

bool has_no_answer(const CommandResult& result) {
  if (result.timed_out) return true;
  if (result.exit_code == 0) return false;
  // The words of Slurm's clients (slurm_strerror and slurm_errno.c).
  constexpr const char* kWords[] = {"Unable to contact slurm controller",
                                    "Socket timed out",
                                    "Connection refused",
                                    "Connection timed out",
                                    "Connection reset",
                                    "Zero Bytes were transmitted",
                                    "Transport endpoint is not connected",
                                    "Slurm temporarily unable to accept job",
                                    "Slurm backup controller in standby mode",
                                    "Unable to contact slurm database"};
  return std::any_of(std::begin(kWords), std::end(kWords), [&](const char* text) {
    return result.errors.find(text) != std::string::npos;
  });
}

SlurmCall::SlurmCall(std::function<void(double)> pause, double patience)
    : pause_(std::move(pause)), patience_(patience) {}

SlurmCall::SlurmCall()
    : SlurmCall([](double seconds) {
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
      }) {}

CommandResult SlurmCall::run(const std::vector<std::string>& words,
                             const std::function<bool()>& is_done) const {
  double waited = 0, pause = kFirstPause;
  for (;;) {
    CommandResult result = run_once(words);
    if (!has_no_answer(result)) return result;
    const std::string said =
        result.timed_out ? "no answer within a minute" : first_line(result.errors);
    if (waited >= patience_) {
      throw Error(ErrorKind::kIo, {.what = "Slurm does not answer",
                                   .where = words[0],
                                   .got = said,
                                   .fix = "scontrol ping says when it does; jobs go on meanwhile"});
    }
    log::warn("Slurm does not answer {} ({}); asking again in {:.0f} s", words[0], said, pause);
    pause_(pause);
    waited += pause;
    pause = std::min(2 * pause, kLongestPause);
    if (is_done && is_done()) return result;
  }
}

}  // namespace semiseg::cluster
