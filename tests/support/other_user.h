// SPDX-License-Identifier: Apache-2.0
// Runs a part of a test without the rights of root, which no permission stops.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include "framework/core/error.h"

namespace semiseg {

// Within its life the process has the rights of "nobody", where it had those of root; elsewhere it
// changes nothing, because a mode of 000 stops every other user.
class OtherUser {
 public:
  OtherUser() : before_(::geteuid()) {
    constexpr uid_t kNobody = 65534;
    if (before_ == 0) SEMISEG_CHECK(::seteuid(kNobody) == 0, "root may become nobody");
  }
  ~OtherUser() {
    if (::seteuid(before_) != 0) ::_exit(1);
  }
  OtherUser(const OtherUser&) = delete;
  OtherUser& operator=(const OtherUser&) = delete;

 private:
  uid_t before_;
};

}  // namespace semiseg
