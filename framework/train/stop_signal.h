// SPDX-License-Identifier: Apache-2.0
// SIGINT, SIGTERM, USR1, USR2, SIGHUP (the terminal was closed) and SIGXCPU (the limit of processor
// time) ask the run to stop at the end of its step, or of a case in an evaluation. A second SIGINT
// (Ctrl-C) leaves at once, which files survive because they appear whole or not at all; so does a
// second SIGTERM a second or more after the first, because a launcher sends one on several ways.
#pragma once

#include <optional>
#include <string>

namespace semiseg {

// Installs the handlers; called once, by main's verb. A SIGHUP that is ignored already stays so:
// that is what nohup asks for.
void catch_stop_signals();

// Returns the name of the first signal received, "SIGUSR1"; nullopt: none so far.
std::optional<std::string> stop_signal();

}  // namespace semiseg
