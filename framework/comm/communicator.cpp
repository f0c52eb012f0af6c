// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/communicator.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include "framework/comm/backends.h"
#include "framework/comm/launch_environment.h"

namespace semiseg {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class Sum : public torch::autograd::Function<Sum> {
 public:
  static at::Tensor forward(AutogradContext*, const at::Tensor& local, const Communicator* comm) {
    at::Tensor total = local.clone(at::MemoryFormat::Contiguous);
    comm->all_reduce(total, "sum");
    return total;
  }
  static variable_list backward(AutogradContext*, variable_list gradients) {
    return {gradients[0], at::Tensor()};
  }
};

class Replicated : public torch::autograd::Function<Replicated> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& value, int64_t size) {
    context->saved_data["size"] = size;
    return value.view_as(value);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {gradients[0] / context->saved_data["size"].toInt(), at::Tensor()};
  }
};

}  // namespace

at::Tensor Communicator::sum(const at::Tensor& local) const {
  return size() == 1 ? local : Sum::apply(local, this);
}

at::Tensor Communicator::replicated(const at::Tensor& value) const {
  return size() == 1 ? value : Replicated::apply(value, static_cast<int64_t>(size()));
}

std::unique_ptr<Communicator> join_world(const std::map<std::string, std::string>& variables) {
  check_launcher(variables);
  if (LaunchEnvironment::read(variables).size == 1) return make_serial_communicator();
  return join_mpi_world();
}

std::unique_ptr<Communicator> place_on([[maybe_unused]] at::Device device,
                                       std::unique_ptr<Communicator> host) {
#ifdef SEMISEG_HAS_CUDA
  if (device.is_cuda() && host->size() > 1)
    return make_nccl_communicator(std::move(host), device.index());
#endif
  return host;
}

}  // namespace semiseg
