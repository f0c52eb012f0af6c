// SPDX-License-Identifier: Apache-2.0
// Why sbatch refused a job, in terms of the options that asked for it.
#pragma once

#include <string>

#include "cluster/resources.h"
#include "framework/core/error.h"

namespace semiseg::cluster {

// `errors` is the text that sbatch wrote. The kind is kConfig.
Error refusal(const std::string& errors, const Resources& resources);

}  // namespace semiseg::cluster
