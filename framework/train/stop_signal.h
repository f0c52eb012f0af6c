// SPDX-License-Identifier: Apache-2.0
// SIGINT, SIGTERM, USR1 and USR2 ask the loop to stop at the end of its step; a second SIGINT
// leaves at once.
#pragma once

namespace semiseg {

// Installs the handlers; called once, by main's verb.
void catch_stop_signals();

// True once a signal came.
bool stop_requested();

}  // namespace semiseg
