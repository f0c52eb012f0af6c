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
#include "framework/core/error.h"

namespace semiseg {
namespace {

ncclDataType_t nccl_type(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return ncclFloat64;
    case at::kFloat:
      return ncclFloat32;
    case at::kBFloat16:
      return ncclBfloat16;
    case at::kHalf:
      return ncclFloat16;
    case at::kLong:
      return ncclInt64;
    case at::kInt:
      return ncclInt32;
    case at::kByte:
    case at::kBool:
      return ncclUint8;
    default:
      fail_check("a dtype that ranks exchange", __FILE__, __LINE__, std::string(toString(type)));
  }
}

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

// Throws when a peer or the network failed since the last call.
void check_peers(ncclComm_t comm, const GpuWhere& at) {
  ncclResult_t state = ncclSuccess;
  SEMISEG_GPU(ncclCommGetAsyncError(comm, &state), at);
  check_gpu_call(state, at, "no failure of a peer since the last call", __FILE__, __LINE__);
}

class NcclReduction : public PendingReduction {
 public:
  NcclReduction(at::Tensor buffer, at::Tensor target, ncclComm_t comm, cudaStream_t stream,
                int rank, std::string_view name)
      : buffer_(std::move(buffer)),
        target_(std::move(target)),
        comm_(comm),
        rank_(rank),
        name_(name),
        done_(where()) {
    done_.record(stream, where());
  }

  // An exception may have skipped wait(): the memory must outlive the kernel that adds into it.
  ~NcclReduction() override {
    if (!waited_) done_.hold_noexcept(c10::cuda::getCurrentCUDAStream(buffer_.get_device()));
  }

  void wait() override {
    const c10::cuda::CUDAGuard guard(buffer_.device());
    done_.hold(c10::cuda::getCurrentCUDAStream(), where());
    waited_ = true;
    if (!buffer_.is_same(target_)) target_.copy_(buffer_);
  }

  bool advance() override {
    if (done_.reached(where())) return true;
    check_peers(comm_, where());
    return false;
  }

 private:
  GpuWhere where() const { return {rank_, name_}; }

  at::Tensor buffer_, target_;
  ncclComm_t comm_;
  int rank_;
  std::string name_;
  CudaEvent done_;
  bool waited_ = false;
};

class Nccl : public Communicator {
 public:
  // The device must be the current one.
  Nccl(std::unique_ptr<Communicator> host, int device)
      : host_(std::move(host)),
        rank_(host_->rank()),
        device_(static_cast<c10::DeviceIndex>(device)),
        stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device_)),
        event_(where("start")) {
    ncclUniqueId id = {};
    if (rank_ == 0) SEMISEG_GPU(ncclGetUniqueId(&id), where("start"));
    at::Tensor message = at::empty({NCCL_UNIQUE_ID_BYTES}, at::kByte);
    std::memcpy(message.data_ptr(), id.internal, NCCL_UNIQUE_ID_BYTES);
    host_->broadcast(message, "NCCL's identifier");
    std::memcpy(id.internal, message.data_ptr(), NCCL_UNIQUE_ID_BYTES);
    SEMISEG_GPU(ncclCommInitRank(&comm_, host_->size(), id, rank_), where("start"));
  }

  // No destructor: ncclCommDestroy waits for the other ranks of the machine, and ncclCommAbort may
  // (NVIDIA/nccl issue 863), so a rank that unwinds alone would hang in either. The end of the
  // process frees the communicator.

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
    fork(name);
    SEMISEG_GPU(ncclAllGather(mine.const_data_ptr(), all.data_ptr(), count_of(mine),
                              nccl_type(mine.scalar_type()), comm_, stream_),
                where(name));
    join(name);
    return all;
  }

  at::Tensor gather_uneven(const at::Tensor& local, std::string_view name) const override {
    if (!local.is_cuda()) return host_->gather_uneven(local, name);
    const c10::cuda::CUDAGuard guard(device_);
    const at::Tensor mine = checked(local).contiguous();
    const at::Tensor rows = host_->gather(at::full({1}, mine.size(0), at::kLong), name);
    at::Tensor all = rows_like(mine, rows.sum().item<int64_t>());
    fork(name);
    // A broadcast from each rank: nothing is padded, and NCCL runs them as one operation.
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
    join(name);
    return all;
  }

  void broadcast(at::Tensor& value, std::string_view name) const override {
    if (!value.is_cuda()) return host_->broadcast(value, name);
    const c10::cuda::CUDAGuard guard(device_);
    const at::Tensor buffer = checked(value).contiguous();
    fork(name);
    SEMISEG_GPU(ncclBroadcast(buffer.const_data_ptr(), buffer.data_ptr(), count_of(buffer),
                              nccl_type(buffer.scalar_type()), /*root=*/0, comm_, stream_),
                where(name));
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

  // Launches the sum in a contiguous form of `value`, which is returned.
  at::Tensor launch_sum(const at::Tensor& value, std::string_view name) const {
    at::Tensor buffer = checked(value).contiguous();
    fork(name);
    SEMISEG_GPU(ncclAllReduce(buffer.const_data_ptr(), buffer.data_ptr(), count_of(buffer),
                              nccl_type(buffer.scalar_type()), ncclSum, comm_, stream_),
                where(name));
    return buffer;
  }

  std::unique_ptr<Communicator> host_;
  int rank_;
  c10::DeviceIndex device_;
  c10::cuda::CUDAStream stream_;
  CudaEvent event_;
  ncclComm_t comm_ = nullptr;
};

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(std::unique_ptr<Communicator> host,
                                                     int device) {
  const GpuWhere at{host->rank(), "start"};
  int devices = 0, version = 0;
  SEMISEG_GPU(cudaGetDeviceCount(&devices), at);
  SEMISEG_GPU(ncclGetVersion(&version), at);
  if (device < 0 || device >= devices) {
    throw Error(
        ErrorKind::kRank,
        {.what = "a rank has no GPU of its own",
         .where = fmt::format("rank {}", at.rank),
         .expected = fmt::format("cuda:{}", device),
         .got = fmt::format("{} devices in sight", devices),
         .fix =
             "start at most one rank a GPU on each machine; CUDA_VISIBLE_DEVICES may hide some"});
  }
  if (version < NCCL_VERSION_CODE) {
    throw Error(ErrorKind::kRank,
                {.what = "an older NCCL was loaded than was compiled in",
                 .where = fmt::format("rank {}", at.rank),
                 .expected = fmt::format("{} or newer", NCCL_VERSION_CODE),
                 .got = fmt::format("{}", version),
                 .fix = "take the folder of the older libnccl.so.2 out of LD_LIBRARY_PATH"});
  }
  const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device));
  return std::make_unique<Nccl>(std::move(host), device);
}

}  // namespace semiseg
