// SPDX-License-Identifier: Apache-2.0
#include "launch/parity/run_case.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <regex>

#include "framework/core/error.h"
#include "launch/parity/case_options.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

const std::map<std::string, CaseRunner> kRunners = {
    {"backbone", run_backbone},     {"inference", run_inference}, {"loss", run_loss},
    {"memory", run_memory},         {"metric", run_metric},       {"schedule", run_schedule},
    {"statistics", run_statistics}, {"transform", run_transform}};

// A line: the parts of our own messages stand on lines of their own; what follows the first line
// of a library's message is its call stack.
std::string line_of(const std::exception& error) {
  const std::string text = error.what();
  if (dynamic_cast<const Error*>(&error) == nullptr) return text.substr(0, text.find('\n'));
  return std::regex_replace(text, std::regex("\n +"), "; ");
}

std::string text_of(const Deviation& worst, bool is_wrong) {
  const std::string text = fmt::format("{} {:.2g} of {:.2g} (index {})", worst.tensor,
                                       worst.distance(), worst.allowed, worst.index);
  if (!is_wrong) return text;
  return fmt::format("{}: expected {:.9g}, got {:.9g}, {} of {} differ", text, worst.expected,
                     worst.got, worst.bad, worst.size);
}

std::string detail_of(const Comparison& comparison) {
  std::vector<std::string> parts = comparison.complaints();
  if (comparison.worst()) {
    parts.push_back(text_of(*comparison.worst(), comparison.bad_tensors() > 0));
  } else if (parts.empty()) {
    parts.emplace_back("no value, as in the reference");
  }
  if (comparison.bad_tensors() > 1)
    parts.push_back(fmt::format("{} tensors differ", comparison.bad_tensors()));
  const size_t missing = comparison.missing().size();
  if (missing > 0) {
    parts.push_back(fmt::format("{} of {} tensors compared", comparison.compared(),
                                comparison.compared() + missing));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

// A method shows losses, rates, gradients and networks, not what happens between them.
void run(const ParityCase& parity, Comparison& comparison, Arithmetic arithmetic) {
  if (parity.kind == "method") return run_method(parity, comparison, arithmetic);
  known(kRunners, "kind of case", parity.kind)(parity, comparison);
  for (const auto& tensor : comparison.missing())
    comparison.require(false, tensor + " is not computed");
}

}  // namespace

const char* to_string(Verdict verdict) {
  return verdict == Verdict::kPassed   ? "passed"
         : verdict == Verdict::kFailed ? "failed"
                                       : "skipped";
}

ParityResult run_case(const ParityCase& parity, Arithmetic arithmetic) {
  Comparison comparison(parity, arithmetic);
  try {
    run(parity, comparison, arithmetic);
  } catch (const NotKnown& reason) {
    return {Verdict::kSkipped, reason.what()};
  } catch (const std::exception& error) {
    return {Verdict::kFailed, line_of(error)};
  }
  // Numbers say nothing where something else was asked for.
  const std::vector<std::string> unknown = unknown_options(parity);
  if (!unknown.empty()) return {Verdict::kFailed, fmt::format("{}", fmt::join(unknown, "; "))};
  return {comparison.passes() ? Verdict::kPassed : Verdict::kFailed, detail_of(comparison)};
}

}  // namespace semiseg
