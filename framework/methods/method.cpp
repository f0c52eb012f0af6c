// SPDX-License-Identifier: Apache-2.0
#include "framework/methods/method.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "framework/core/error.h"

namespace semiseg {

int64_t MethodContext::steps_of_epochs(double epochs, const std::string& pool,
                                       int64_t samples) const {
  const auto found = pool_samples.find(pool);
  if (found == pool_samples.end()) {
    throw Error(ErrorKind::kConfig,
                {.what = "the setting has no pool of samples '" + pool + "'",
                 .fix = "choose another setting (setting=…) or another method"});
  }
  const int64_t epoch = std::max<int64_t>(1, found->second / std::max<int64_t>(samples, 1));
  return static_cast<int64_t>(epochs * static_cast<double>(epoch));
}

std::vector<StreamPlan> labelled_and_unlabelled(const MethodContext& context,
                                                std::vector<std::string> unlabelled_views) {
  if (context.batch <= context.labelled) {
    context.options.fail("name", "the batch has no place for an unlabelled image",
                         "protocol.labelled_batch below protocol.batch",
                         fmt::format("e.g. protocol.labelled_batch={}; method=supervised trains on "
                                     "labelled images alone",
                                     std::max<int64_t>(1, context.batch / 2)));
  }
  return {{.name = "labelled", .pool = "labelled", .samples = context.labelled},
          {.name = "unlabelled",
           .pool = "unlabelled",
           .samples = context.batch - context.labelled,
           .views = std::move(unlabelled_views)}};
}

}  // namespace semiseg
