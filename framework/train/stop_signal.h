// SPDX-License-Identifier: Apache-2.0
// SIGINT, SIGTERM, USR1, USR2, SIGHUP (the terminal was closed) and SIGXCPU (the limit of processor
// time) ask the run to stop at the end of its step, or of a case in an evaluation. A second SIGINT
// (Ctrl-C) ends the process at once, which is safe because files appear whole or not at all. So
// does a second SIGTERM, but only a second or more after the first, because a launcher may deliver
// one signal several times.
#pragma once

#include <optional>
#include <string>

namespace semiseg {

// Installs the handlers; called once, by main's verb. A SIGHUP that is already ignored stays
// ignored, as nohup requires.
void catch_stop_signals();

// Returns the name of the first signal received, "SIGUSR1"; nullopt: none so far.
std::optional<std::string> stop_signal();

}  // namespace semiseg
