// SPDX-License-Identifier: Apache-2.0
#include "tests/support/places.h"

namespace semiseg {

std::filesystem::path source_folder() { return SEMISEG_SOURCE_DIR; }

std::filesystem::path program_file() { return SEMISEG_BINARY_DIR "/launch/semiseg"; }

}  // namespace semiseg
