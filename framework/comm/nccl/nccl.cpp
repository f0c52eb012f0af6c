// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/backends.h"

#include <ATen/Functions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <fmt/format.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "framework/comm/nccl/cuda_event.h"
#include "framework/comm/nccl/nccl_call.h"
#include "framework/comm/nccl/nccl_reduction.h"
#include "framework/comm/nccl/ring_events.h"
#include "framework/core/error.h"

namespace semiseg {
namespace {

// Calls between its two ends are one operation; an error within does not leave NCCL waiting for
// more.
class Group {
 public:
  explicit Group(const GpuWhere& at) { SEMISEG_GPU(ncclGroupStart(), at); }
  ~Group() {
    if (open_) ncclGroupEnd();
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  void end(const GpuWhere& at) {
    open_ = false;
    SEMISEG_GPU(ncclGroupEnd(), at);
  }

 private:
  bool open_ = true;
};

class Nccl : public Communicator {
 public:
  // The device must be the current one.
  Nccl(std::unique_ptr<Communicator> host, int device)
      : host_(std::move(host)),
        rank_(host_->rank()),
        device_(static_cast<c10::DeviceIndex>(device)),
        stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device_)),
        event_(where("start")),
        ring_events_(rank_, device_) {
    ncclUniqueId id = {};
    if (rank_ == 0) SEMISEG_GPU(ncclGetUniqueId(&id), where("start"));
    at::Tensor message = at::empty({NCCL_UNIQUE_ID_BYTES}, at::kByte);
    std::memcpy(message.data_ptr(), id.internal, NCCL_UNIQUE_ID_BYTES);
    host_->broadcast(message, "NCCL's identifier");
    std::memcpy(id.internal, message.data_ptr(), NCCL_UNIQUE_ID_BYTES);
    SEMISEG_GPU(ncclCommInitRank(&comm_, host_->size(), id, rank_), where("start"));
    connect();
    if (host_->heartbeat()) {
      ring_ = &DeviceRing::of_process();
      number_ = ring_->add_communicator([comm = comm_] { return failure_of(comm); });
    }
  }

  // ncclCommDestroy waits for the other ranks of the machine, and ncclCommAbort may (NVIDIA/nccl
  // issue 863), so a rank that unwinds alone would hang in either. The end of the process frees the
  // communicator.
  ~Nccl() override {
    if (ring_) ring_->remove_communicator(number_);
  }

  int rank() const override { return rank_; }
  int size() const override { return host_->size(); }

  void all_reduce(at::Tensor& value, std::string_view name) const override {
    if (!value.is_cuda()) return host_->all_reduce(value, name);
    const c10::cuda::CUDAGuard guard(device_);
    const at::Tensor buffer = launch_sum(value, name);
    join(name);
    if (!buffer.is_same(value)) value.copy_(buffer);
  }

  std::unique_ptr<PendingReduction> start_all_reduce(at::Tensor& value,
                                                     std::string_view name) const override {
    if (!value.is_cuda()) return host_->start_all_reduce(value, name);
    const c10::cuda::CUDAGuard guard(device_);
    return std::make_unique<NcclReduction>(launch_sum(value, name), value, comm_, stream_, rank_,
                                           name);
  }

  at::Tensor gather(const at::Tensor& local, std::string_view name) const override {
    if (!local.is_cuda()) return host_->gather(local, name);
    const c10::cuda::CUDAGuard guard(device_);
    const at::Tensor mine = checked(local).contiguous();
    at::Tensor all = rows_like(mine, mine.size(0) * size());
    launch("gather", name, mine, [&] {
      SEMISEG_GPU(ncclAllGather(mine.const_data_ptr(), all.data_ptr(), count_of(mine),
                                nccl_type(mine.scalar_type()), comm_, stream_),
                  where(name));
    });
    join(name);
    return all;
  }

  at::Tensor gather_uneven(const at::Tensor& local, std::string_view name) const override {
    if (!local.is_cuda()) return host_->gather_uneven(local, name);
    const c10::cuda::CUDAGuard guard(device_);
    const at::Tensor mine = checked(local).contiguous();
    const at::Tensor rows = host_->gather(at::full({1}, mine.size(0), at::kLong), name);
    at::Tensor all = rows_like(mine, rows.sum().item<int64_t>());
    launch("gather_uneven", name, mine, [&] { broadcast_parts(mine, rows, all, name); });
    join(name);
    return all;
  }

  void broadcast(at::Tensor& value, std::string_view name) const override {
    if (!value.is_cuda()) return host_->broadcast(value, name);
    const c10::cuda::CUDAGuard guard(device_);
    const at::Tensor buffer = checked(value).contiguous();
    launch("broadcast", name, buffer, [&] {
      SEMISEG_GPU(ncclBroadcast(buffer.const_data_ptr(), buffer.data_ptr(), count_of(buffer),
                                nccl_type(buffer.scalar_type()), /*root=*/0, comm_, stream_),
                  where(name));
    });
    join(name);
    if (!buffer.is_same(value)) value.copy_(buffer);
  }

  void barrier(std::string_view name) const override { host_->barrier(name); }

  std::unique_ptr<Communicator> duplicate() const override {
    const c10::cuda::CUDAGuard guard(device_);
    return std::make_unique<Nccl>(host_->duplicate(), device_);
  }

  // Ends the processes, and with them what their GPUs wait for; ncclCommAbort might not return.
  void abort(int exit_code) const override { host_->abort(exit_code); }

  void leave() override { host_->leave(); }
  void configure(const CommOptions& options) override { host_->configure(options); }
  Heartbeat* heartbeat() const override { return host_->heartbeat(); }

 private:
  GpuWhere where(std::string_view name) const { return {rank_, name}; }

  const at::Tensor& checked(const at::Tensor& tensor) const {
    SEMISEG_CHECK(tensor.get_device() == device_,
                  fmt::format("a tensor of cuda:{} among ranks that use cuda:{}",
                              tensor.get_device(), device_));
    return tensor;
  }

  static size_t count_of(const at::Tensor& tensor) { return static_cast<size_t>(tensor.numel()); }

  static at::Tensor rows_like(const at::Tensor& local, int64_t rows) {
    std::vector<int64_t> shape = local.sizes().vec();
    shape[0] = rows;
    return at::empty(shape, local.options());
  }

  // Makes the communication stream wait for the work queued on the current stream …
  void fork(std::string_view name) const {
    check_peers(comm_, where(name));
    event_.order(c10::cuda::getCurrentCUDAStream(device_), stream_, where(name));
  }
  // … and the current stream wait for the communication stream.
  void join(std::string_view name) const {
    event_.order(stream_, c10::cuda::getCurrentCUDAStream(device_), where(name));
  }

  // Calls `call`, which launches one collective that sends `sent`, behind the work queued on the
  // current stream, and notes it in the ring.
  template <class Call>
  void launch(const char* kind, std::string_view name, const at::Tensor& sent,
              const Call& call) const {
    fork(name);
    if (!ring_) return call();
    auto start = ring_events_.record(stream_);
    call();
    ring_->launched({.communicator = number_,
                     .name = fmt::format("{} of {}", kind, name),
                     .bytes = static_cast<int64_t>(sent.nbytes()),
                     .start = std::move(start),
                     .end = ring_events_.record(stream_)});
  }

  // Launches the sum in a contiguous form of `value`, which is returned.
  at::Tensor launch_sum(const at::Tensor& value, std::string_view name) const {
    at::Tensor buffer = checked(value).contiguous();
    launch("all_reduce", name, buffer, [&] {
      SEMISEG_GPU(ncclAllReduce(buffer.const_data_ptr(), buffer.data_ptr(), count_of(buffer),
                                nccl_type(buffer.scalar_type()), ncclSum, comm_, stream_),
                  where(name));
    });
    return buffer;
  }

  // A broadcast from each rank: nothing is padded, and NCCL runs them as one operation. rows: [R].
  void broadcast_parts(const at::Tensor& mine, const at::Tensor& rows, const at::Tensor& all,
                       std::string_view name) const {
    Group group(where(name));
    for (int64_t r = 0, start = 0; r < size(); ++r) {
      const int64_t length = rows.const_data_ptr<int64_t>()[r];
      const at::Tensor part = all.narrow(0, start, length);
      start += length;
      if (part.numel() == 0) continue;
      SEMISEG_GPU(ncclBroadcast(r == rank_ ? mine.const_data_ptr() : nullptr, part.data_ptr(),
                                count_of(part), nccl_type(part.scalar_type()), static_cast<int>(r),
                                comm_, stream_),
                  where(name));
    }
    group.end(where(name));
  }

  // Runs each collective once, small and large: NCCL connects peers, and allocates, when it first
  // takes an algorithm, in a call that waits for them; later, between other work, that could hang.
  void connect() const {
    const auto on_device = at::TensorOptions().device(at::kCUDA, device_).dtype(at::kFloat);
    for (const int64_t values : {int64_t{1}, int64_t{1} << 16, int64_t{1} << 20}) {
      at::Tensor value = at::zeros({values}, on_device);
      all_reduce(value, "start");
      if (values >= 1 << 20) continue;
      gather(value, "start");
      broadcast(value, "start");
    }
    SEMISEG_GPU(cudaStreamSynchronize(stream_), where("start"));
  }

  std::unique_ptr<Communicator> host_;
  int rank_;
  c10::DeviceIndex device_;
  c10::cuda::CUDAStream stream_;
  CudaEvent event_;
  ncclComm_t comm_ = nullptr;
  RingEvents ring_events_;
  DeviceRing* ring_ = nullptr;  // null where no watchdog watches
  int number_ = 0;              // of this communicator, in the ring
};

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(std::unique_ptr<Communicator> host,
                                                     int device) {
  check_gpus(device, host->rank());
  set_nccl_variables();
  const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device));
  return std::make_unique<Nccl>(std::move(host), device);
}

}  // namespace semiseg
