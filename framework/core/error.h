// SPDX-License-Identifier: Apache-2.0
// The one exception of the project. Its message says what, where, expected, got and what to do.
#pragma once

#include <stdexcept>
#include <string>

namespace semiseg {

enum class ErrorKind {
  kConfig,    // configuration or usage: exit code 2
  kData,      // files that were given to us: exit code 3
  kIo,        // a file of the program could not be written or read: exit code 3
  kNumeric,   // a loss or gradient that is not finite: exit code 4
  kRank,      // a rank failed, hung or disagrees: exit code 4
  kInternal,  // a broken invariant, a mistake of the program or of a plug-in: exit code 4
  kStopped,   // stopped and saved; the same command resumes: exit code 5
};

// Parts of a message; an empty part is left out.
struct ErrorParts {
  std::string what;   // one sentence: the error
  std::string where;  // file, line, key, tensor
  std::string expected;
  std::string got;
  std::string fix;  // advice to the user
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, ErrorParts parts);
  ErrorKind kind() const { return kind_; }
  const ErrorParts& parts() const { return parts_; }

 private:
  ErrorKind kind_;
  ErrorParts parts_;
};

// Exit code of the program for an error of this kind (2, 3, 4 or 5).
int exit_code(ErrorKind kind);

// Throws kInternal with the expression, file and line. Behind SEMISEG_CHECK.
[[noreturn]] void fail_check(const char* expression, const char* file, int line,
                             std::string detail);

}  // namespace semiseg

// Checks for callers' mistakes inside the program, in every build type. The detail is a string
// expression.
#define SEMISEG_CHECK(condition, detail) \
  (static_cast<bool>(condition) ? void() \
                                : ::semiseg::fail_check(#condition, __FILE__, __LINE__, (detail)))
