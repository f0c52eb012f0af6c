// SPDX-License-Identifier: Apache-2.0
#include "framework/data/dataset.h"

namespace semiseg {

const char* to_string(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kVal:
      return "val";
    case Split::kTest:
      return "test";
  }
  return "train";
}

}  // namespace semiseg
