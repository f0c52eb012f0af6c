// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/backends.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "framework/comm/mpi/mpi_call.h"
#include "framework/core/error.h"

namespace semiseg {
namespace {

int count_of(const at::Tensor& tensor) {
  SEMISEG_CHECK(tensor.device().is_cpu(), "MPI carries CPU tensors");
  SEMISEG_CHECK(tensor.numel() <= std::numeric_limits<int>::max(),
                "a message of at most 2^31 values");
  return static_cast<int>(tensor.numel());
}

// Marks the time that a rank spends in a collective.
class InOperation {
 public:
  InOperation(Heartbeat& heartbeat, std::string_view kind, std::string_view name)
      : heartbeat_(heartbeat) {
    heartbeat_.enter(kind, name);
  }
  ~InOperation() { heartbeat_.leave(); }
  InOperation(const InOperation&) = delete;
  InOperation& operator=(const InOperation&) = delete;

 private:
  Heartbeat& heartbeat_;
};

// Sums rank by rank in float64.
at::Tensor sum_in_order(const at::Tensor& ranks) {
  if (!ranks.is_floating_point()) return ranks.sum(0, false, ranks.scalar_type());
  at::Tensor total = ranks[0].to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
  for (int64_t rank = 1; rank < ranks.size(0); ++rank) total.add_(ranks[rank].to(at::kDouble));
  return total;
}

// `received`: the sum, or what all ranks sent [R,…] when it is added in their order.
class MpiReduction : public PendingReduction {
 public:
  // `check`: called with the name and the tensor before the wait, which ranks reach in one order.
  using Check = std::function<void(std::string_view name, const at::Tensor& value)>;

  MpiReduction(MPI_Request request, at::Tensor sent, at::Tensor received, at::Tensor target,
               bool in_order, Heartbeat& heartbeat, std::string name, Check check)
      : request_(request),
        sent_(std::move(sent)),
        received_(std::move(received)),
        target_(std::move(target)),
        in_order_(in_order),
        heartbeat_(heartbeat),
        name_(std::move(name)),
        check_(std::move(check)) {}

  // An exception skipped wait(): MPI may still write to the memory, so it is never freed.
  ~MpiReduction() override {
    if (request_ != MPI_REQUEST_NULL) new std::pair(std::move(sent_), std::move(received_));
  }

  void wait() override {
    {
      const InOperation operation(heartbeat_, "wait for all_reduce", name_);
      check_(name_, target_);
      SEMISEG_MPI(MPI_Wait(&request_, MPI_STATUS_IGNORE));
    }
    if (in_order_) {
      target_.copy_(sum_in_order(received_));
    } else if (!received_.is_same(target_)) {
      target_.copy_(received_);
    }
  }

  bool advance() override {
    int done = 1;
    if (request_ != MPI_REQUEST_NULL) SEMISEG_MPI(MPI_Test(&request_, &done, MPI_STATUS_IGNORE));
    return done != 0;
  }

 private:
  MPI_Request request_;
  at::Tensor sent_, received_, target_;  // alive until MPI is done with them
  bool in_order_;
  Heartbeat& heartbeat_;
  std::string name_;
  Check check_;
};

class Mpi : public Communicator {
 public:
  Mpi(MPI_Comm comm, std::shared_ptr<Heartbeat> heartbeat, CommOptions options)
      : comm_(comm), heartbeat_(std::move(heartbeat)), options_(options) {
    SEMISEG_MPI(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN));
    SEMISEG_MPI(MPI_Comm_rank(comm_, &rank_));
    SEMISEG_MPI(MPI_Comm_size(comm_, &size_));
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  Heartbeat* heartbeat() const override { return heartbeat_.get(); }
  void configure(const CommOptions& options) override { options_ = options; }

  std::unique_ptr<Communicator> duplicate() const override {
    MPI_Comm copy = MPI_COMM_NULL;
    SEMISEG_MPI(MPI_Comm_dup(comm_, &copy));
    return std::make_unique<Mpi>(copy, heartbeat_, options_);
  }

  void all_reduce(at::Tensor& value, std::string_view name) const override {
    const InOperation operation(*heartbeat_, "all_reduce", name);
    check_call("all_reduce", name, value);
    if (options_.ordered) {
      value.copy_(sum_in_order(gather_equal(value.unsqueeze(0))));
      return;
    }
    at::Tensor buffer = value.contiguous();
    SEMISEG_MPI(MPI_Allreduce(MPI_IN_PLACE, buffer.data_ptr(), count_of(buffer),
                              mpi_type(buffer.scalar_type()), mpi_sum(buffer.scalar_type()),
                              comm_));
    if (!buffer.is_same(value)) value.copy_(buffer);
  }

  std::unique_ptr<PendingReduction> start_all_reduce(at::Tensor& value,
                                                     std::string_view name) const override {
    const at::Tensor sent = value.contiguous();
    at::Tensor received = sent;
    const int count = count_of(sent);
    const MPI_Datatype type = mpi_type(sent.scalar_type());
    MPI_Request request = MPI_REQUEST_NULL;
    if (options_.ordered) {
      received = gathered(sent.unsqueeze(0));
      SEMISEG_MPI(MPI_Iallgather(sent.data_ptr(), count, type, received.data_ptr(), count, type,
                                 comm_, &request));
    } else {
      SEMISEG_MPI(MPI_Iallreduce(MPI_IN_PLACE, received.data_ptr(), count, type,
                                 mpi_sum(sent.scalar_type()), comm_, &request));
    }
    return std::make_unique<MpiReduction>(request, sent, received, value, options_.ordered,
                                          *heartbeat_, std::string(name),
                                          [this](std::string_view of, const at::Tensor& what) {
                                            check_call("start_all_reduce", of, what);
                                          });
  }

  at::Tensor gather(const at::Tensor& local, std::string_view name) const override {
    const InOperation operation(*heartbeat_, "gather", name);
    check_call("gather", name, local);
    return gather_equal(local);
  }

  at::Tensor gather_uneven(const at::Tensor& local, std::string_view name) const override {
    const InOperation operation(*heartbeat_, "gather", name);
    check_call("gather_uneven", name, at::Tensor());
    const at::Tensor sizes = gather_equal(at::full({1}, local.size(0), at::kLong));
    std::vector<int64_t> shape = local.sizes().vec();
    shape[0] = sizes.sum().item<int64_t>();
    at::Tensor all = at::empty(shape, local.options());
    const int64_t row = all.numel() / std::max<int64_t>(1, shape[0]);
    std::vector<int> counts, starts;
    for (int64_t start = 0, r = 0; r < size_; ++r) {
      counts.push_back(static_cast<int>(sizes[r].item<int64_t>() * row));
      starts.push_back(static_cast<int>(start));
      start += counts.back();
    }
    count_of(all);
    const at::Tensor mine = local.contiguous();
    const MPI_Datatype type = mpi_type(mine.scalar_type());
    SEMISEG_MPI(MPI_Allgatherv(mine.data_ptr(), count_of(mine), type, all.data_ptr(), counts.data(),
                               starts.data(), type, comm_));
    return all;
  }

  void broadcast(at::Tensor& value, std::string_view name) const override {
    const InOperation operation(*heartbeat_, "broadcast", name);
    check_call("broadcast", name, value);
    at::Tensor buffer = value.contiguous();
    SEMISEG_MPI(MPI_Bcast(buffer.data_ptr(), count_of(buffer), mpi_type(buffer.scalar_type()),
                          /*root=*/0, comm_));
    if (!buffer.is_same(value)) value.copy_(buffer);
  }

  void barrier(std::string_view name) const override {
    const InOperation operation(*heartbeat_, "barrier", name);
    check_call("barrier", name, at::Tensor());
    SEMISEG_MPI(MPI_Barrier(comm_));
  }

  void abort(int exit_code) const override {
    MPI_Abort(MPI_COMM_WORLD, exit_code);
    std::_Exit(exit_code);  // MPI_Abort may return before this process is killed
  }

  void leave() override { SEMISEG_MPI(MPI_Finalize()); }

 private:
  // Allocates the buffer for the data of all ranks.
  at::Tensor gathered(const at::Tensor& local) const {
    std::vector<int64_t> shape = local.sizes().vec();
    SEMISEG_CHECK(!shape.empty(), "gather concatenates along axis 0");
    shape[0] *= size_;
    return at::empty(shape, local.options());
  }

  at::Tensor gather_equal(const at::Tensor& local) const {
    at::Tensor all = gathered(local);
    const at::Tensor mine = local.contiguous();
    const MPI_Datatype type = mpi_type(mine.scalar_type());
    SEMISEG_MPI(MPI_Allgather(mine.data_ptr(), count_of(mine), type, all.data_ptr(), count_of(mine),
                              type, comm_));
    return all;
  }

  void check_call(std::string_view kind, std::string_view name, const at::Tensor& value) const {
    if (options_.check) check_same_call(comm_, kind, name, value);
  }

  MPI_Comm comm_;
  std::shared_ptr<Heartbeat> heartbeat_;
  CommOptions options_;
  int rank_ = 0, size_ = 1;
};

// A bundle (launch/bundle) brings the parts of Open MPI and PMIx, which otherwise look for them where
// they were installed.
void find_parts_of_bundle() {
  namespace fs = std::filesystem;
  std::error_code none;
  const fs::path parts =
      fs::read_symlink("/proc/self/exe", none).parent_path().parent_path() / "mpi-parts";
  if (!fs::is_directory(parts, none)) return;
  ::setenv("OPAL_PREFIX", parts.c_str(), 1);
  ::setenv("PMIX_PREFIX", (parts / "pmix2").c_str(), 1);
}

}  // namespace

std::unique_ptr<Communicator> join_mpi_world() {
  find_parts_of_bundle();
  int provided = 0;
  SEMISEG_MPI(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided));
  SEMISEG_CHECK(provided == MPI_THREAD_MULTIPLE, "an MPI that threads may call");
  MPI_Comm comm = MPI_COMM_NULL;
  SEMISEG_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
  return std::make_unique<Mpi>(comm, std::make_shared<Heartbeat>(), CommOptions{});
}

}  // namespace semiseg
