// SPDX-License-Identifier: Apache-2.0
#include "framework/core/error.h"

#include <fmt/format.h>

namespace semiseg {
namespace {

std::string message(const ErrorParts& parts) {
  std::string text = parts.what;
  const auto append = [&text](const char* label, const std::string& part) {
    if (!part.empty()) text += fmt::format("\n  {:<10}{}", label, part);
  };
  append("where:", parts.where);
  append("expected:", parts.expected);
  append("got:", parts.got);
  append("to do:", parts.fix);
  return text;
}

}  // namespace

Error::Error(ErrorKind kind, ErrorParts parts)
    : std::runtime_error(message(parts)), kind_(kind), parts_(std::move(parts)) {}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kConfig:
      return 2;
    case ErrorKind::kData:
    case ErrorKind::kIo:
      return 3;
    case ErrorKind::kNumeric:
    case ErrorKind::kRank:
    case ErrorKind::kInternal:
      return 4;
    case ErrorKind::kStopped:
      return 5;
  }
  return 4;
}

void fail_check(const char* expression, const char* file, int line, std::string detail) {
  throw Error(ErrorKind::kInternal, {.what = "internal check failed: " + std::move(detail),
                                     .where = fmt::format("{}:{}", file, line),
                                     .expected = expression});
}

}  // namespace semiseg
