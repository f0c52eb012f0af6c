// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/communicator.h"

namespace semiseg {
namespace {

class Nothing : public PendingReduction {
 public:
  void wait() override {}
  bool advance() override { return true; }
};

class Serial : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void all_reduce(at::Tensor&, std::string_view) const override {}
  std::unique_ptr<PendingReduction> start_all_reduce(at::Tensor&, std::string_view) const override {
    return std::make_unique<Nothing>();
  }
  at::Tensor gather(const at::Tensor& local, std::string_view) const override { return local; }
  at::Tensor gather_uneven(const at::Tensor& local, std::string_view) const override {
    return local;
  }
  void broadcast(at::Tensor&, std::string_view) const override {}
  void barrier(std::string_view) const override {}
  std::unique_ptr<Communicator> duplicate() const override { return make_serial_communicator(); }
  void abort(int) const override {}
};

}  // namespace

std::unique_ptr<Communicator> make_serial_communicator() { return std::make_unique<Serial>(); }

}  // namespace semiseg
