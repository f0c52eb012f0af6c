// SPDX-License-Identifier: Apache-2.0
// The three streams that a process is given: they may be closed, or end on a full disk.
#pragma once

namespace semiseg {

// Opens closed streams on the null device, so that no file of a run gets the descriptor of a stream
// and receives its lines. Call it first in main().
void open_standard_streams();

// Throws kIo when the output did not reach standard output. A reader that has gone away (a broken
// pipe) is no error.
void check_standard_output();

}  // namespace semiseg
