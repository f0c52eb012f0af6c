// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/communicator.h"

namespace semiseg {
namespace {

class Serial : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  at::Tensor sum(const at::Tensor& local) const override { return local; }
  at::Tensor replicated(const at::Tensor& value) const override { return value; }
  void all_reduce(at::Tensor&, std::string_view) const override {}
  at::Tensor gather(const at::Tensor& local, std::string_view) const override { return local; }
  void broadcast(at::Tensor&, std::string_view) const override {}
  void barrier(std::string_view) const override {}
  void abort(int, std::string_view) const override {}
};

}  // namespace

std::unique_ptr<Communicator> make_serial_communicator() { return std::make_unique<Serial>(); }

}  // namespace semiseg
