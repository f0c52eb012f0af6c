// SPDX-License-Identifier: Apache-2.0
// Cases of kind `method`: a few consecutive iterations of a reference's own script. Batches and
// random numbers are the case's; losses, rates, gradients and the networks after the last step are
// compared. What a method does not show between them (pseudo-labels, tables) is not.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <set>

#include "framework/core/error.h"
#include "launch/parity/case_options.h"
#include "launch/parity/method_batch.h"
#include "launch/parity/runners.h"

namespace semiseg {
namespace {

at::Tensor norm_of(const at::Tensor& value) {
  return value.defined() ? value.detach().to(at::kDouble).norm() : at::zeros({}, at::kDouble);
}

at::Tensor norms(const std::vector<NamedTensor>& tensors) {
  std::vector<at::Tensor> values;
  for (const auto& item : tensors) values.push_back(norm_of(item.value));
  return at::stack(values);
}

at::Tensor gradient_norms(const std::vector<NamedTensor>& tensors) {
  std::vector<at::Tensor> values;
  for (const auto& item : tensors) {
    if (item.value.requires_grad()) values.push_back(norm_of(item.value.grad()));
  }
  return at::stack(values);
}

// The tensors of a network that the case lists, parameters or state: a reference may leave some
// out.
std::vector<NamedTensor> listed(const ParityCase& c, const char* list, const std::string& net,
                                std::vector<NamedTensor> tensors) {
  const nlohmann::json& lists = c.options.at(list);
  if (!lists.contains(net)) return tensors;
  nlohmann::json names = lists.at(net);
  if (names.is_string()) names = lists.at(names.get<std::string>());
  const auto wanted = names.get<std::set<std::string>>();
  std::erase_if(tensors, [&](const NamedTensor& t) { return !wanted.contains(t.name); });
  return tensors;
}

std::vector<std::string> nets_of(const ParityCase& c) {
  std::vector<std::string> nets;
  for (const auto& [net, architecture] : c.options.at("nets").items()) nets.push_back(net);
  return nets;
}

// By name ("selftrain") or by number from 1; the only one, or the first, where the case says none.
int64_t stage_of(const ParityCase& c, Method& method) {
  if (!c.options.contains("stage")) return 0;
  const auto& wanted = c.options.at("stage");
  const std::vector<Stage> stages = method.plan().stages;
  for (size_t i = 0; i < stages.size(); ++i) {
    if (wanted == stages[i].name || wanted == i + 1) return static_cast<int64_t>(i);
  }
  throw Error(ErrorKind::kConfig, {.what = "the method has no stage " + wanted.dump()});
}

// A method's records under the case's names.
std::string name_in_case(const ParityCase& c, const std::string& out, const std::string& record) {
  static const std::map<std::string, std::string> names = {
      {"tsa.lambda", "lambda"}, {"loss.tsa_t2s", "loss.tsa"}, {"loss.tsa_u2s", "loss.tsa"}};
  const auto found = names.find(record);
  return c.has(out + record) || found == names.end() ? out + record : out + found->second;
}

void compare_networks(const ParityCase& c, MethodUnderTest& method, Comparison& comparison) {
  for (const auto& net : nets_of(c)) {
    const std::vector<NamedTensor> tensors = method.tensors(net);
    comparison.compare("out." + net + "_norm", norms(listed(c, "state", net, tensors)));
    for (const auto& item : tensors) {
      const std::string name = "out." + net + "." + item.name;
      if (c.has(name) || c.has(name + ".index")) comparison.compare(name, item.value);
    }
  }
}

}  // namespace

void run_method(const ParityCase& c, Comparison& comparison, Arithmetic arithmetic) {
  const auto comm = make_serial_communicator();
  MethodSetup setup = setup_of(c);
  if (arithmetic == Arithmetic::kFloat32) setup.dtype = at::kFloat;
  MethodUnderTest method(setup, *comm);
  check_options_are_read(method.unread());
  for (const auto& net : nets_of(c))
    fill_parameters(method.tensors(net), c.options.at("case_seed"), net, at::kDouble);
  const int64_t stage = stage_of(c, *method);
  int64_t losses = 0;
  for (int64_t i = 0; i < c.options.at("steps").get<int64_t>(); ++i) {
    const std::string step = std::to_string(i) + ".", out = "out." + step;
    const Draws draws = Draws(0).at(stage, i).replay(draws_of(c, i));
    for (const auto& [record, value] : method.step(batch_of(c, i, setup.dtype), stage,
                                                   iteration_of(c, i), draws, setup.iterations)) {
      const std::string name = name_in_case(c, out, record);
      if (!c.has(name)) continue;
      losses += record.starts_with("loss.");
      comparison.compare(name, value);
    }
    for (const auto& net : nets_of(c)) {
      if (c.has(out + "grad_norm." + net))
        comparison.compare(out + "grad_norm." + net, gradient_norms(method.tensors(net)));
    }
  }
  comparison.require(losses > 0, "none of the case's losses is among the method's records");
  compare_networks(c, method, comparison);
}

}  // namespace semiseg
