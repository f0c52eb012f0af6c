// SPDX-License-Identifier: Apache-2.0
// SIGINT, SIGTERM, USR1 and USR2 ask the run to stop at the end of its step, or of a case in an
// evaluation, however often they come; only a second SIGINT (Ctrl-C) leaves at once, which files
// survive because they appear whole or not at all.
#pragma once

#include <optional>
#include <string>

namespace semiseg {

// Installs the handlers; called once, by main's verb.
void catch_stop_signals();

// Name of the first signal that came, "SIGUSR1"; none so far.
std::optional<std::string> stop_signal();

}  // namespace semiseg
