// SPDX-License-Identifier: Apache-2.0
// Ranks with a GPU each. What needs a GPU is skipped without one; what NCCL says without is tested
// everywhere.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "framework/comm/backends.h"
#include "framework/comm/nccl/nccl_call.h"
#include "framework/core/error.h"
#include "launch/conformance/thread_communicator.h"

namespace semiseg {
namespace {

const std::vector<at::ScalarType> kTypes = {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf,
                                            at::kLong,   at::kInt,   at::kByte};

int devices() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

// Runs body(communicator, options of its device) for as many ranks as there are GPUs.
void on_all_gpus(const std::function<void(const Communicator&, at::TensorOptions)>& body) {
  const int size = devices();
  ThreadCommunicator::World world(size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      const auto comm =
          make_nccl_communicator(std::make_unique<ThreadCommunicator>(world, rank), rank);
      body(*comm, at::TensorOptions().device(at::kCUDA, static_cast<c10::DeviceIndex>(rank)));
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Nccl, TheLoadedLibraryIsTheOneCompiledIn) {
  int version = 0;
  ASSERT_EQ(ncclGetVersion(&version), ncclSuccess);
  EXPECT_EQ(version, NCCL_VERSION_CODE);
}

TEST(Nccl, AFailedCallNamesExpressionPlaceRankAndHost) {
  const GpuWhere at{3, "gradient"};
  EXPECT_NO_THROW(SEMISEG_GPU(ncclSuccess, at));
  try {
    SEMISEG_GPU(ncclGetVersion(nullptr), at);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kRank);
    EXPECT_EQ(error.parts().expected, "ncclGetVersion(nullptr)");
    const std::string& where = error.parts().where;
    EXPECT_TRUE(where.starts_with("rank 3 on ")) << where;
    EXPECT_NE(where.find("gradient"), std::string::npos) << where;
    EXPECT_NE(where.find("nccl_test.cpp:"), std::string::npos) << where;
  }
}

TEST(Nccl, ADeviceThatIsNotThereIsAnErrorOfTheRank) {
  try {
    make_nccl_communicator(make_serial_communicator(), devices());
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kRank);
    EXPECT_TRUE(error.parts().where.starts_with("rank 0")) << error.what();
    EXPECT_FALSE(error.parts().fix.empty());
  }
}

class NcclOnGpus : public ::testing::Test {
 protected:
  void SetUp() override {
    if (devices() == 0) GTEST_SKIP() << "needs an NVIDIA GPU";
  }
};

TEST_F(NcclOnGpus, AFailedCudaCallIsReportedOnce) {
  EXPECT_THROW(SEMISEG_GPU(cudaSetDevice(devices()), (GpuWhere{0, "start"})), Error);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
}

TEST_F(NcclOnGpus, SumsEveryTypeInPlace) {
  on_all_gpus([](const Communicator& comm, at::TensorOptions on) {
    const int64_t n = comm.size();
    for (const auto type : kTypes) {
      at::Tensor value = at::full({2, 3}, comm.rank() + 1, on.dtype(type));
      comm.all_reduce(value, "value");
      EXPECT_TRUE((value == n * (n + 1) / 2).all().item<bool>()) << toString(type);
    }
  });
}

TEST_F(NcclOnGpus, SumsATensorWhoseMemoryHasGaps) {
  on_all_gpus([](const Communicator& comm, at::TensorOptions on) {
    at::Tensor base = at::ones({4, 6}, on);
    at::Tensor view = base.t().narrow(0, 1, 2);  // [2,4]
    comm.all_reduce(view, "view");
    EXPECT_TRUE((view == comm.size()).all().item<bool>());
    EXPECT_EQ(base.sum().item<double>(), 16 + 8 * comm.size());
  });
}

TEST_F(NcclOnGpus, AStartedSumIsReadyForWorkQueuedAfterWait) {
  on_all_gpus([](const Communicator& comm, at::TensorOptions on) {
    std::vector<at::Tensor> values;
    std::vector<std::unique_ptr<PendingReduction>> pending;
    for (int i = 0; i < 20; ++i) {
      values.push_back(at::full({1 << 16}, i, on));
      pending.push_back(comm.start_all_reduce(values.back(), "value"));
    }
    for (auto& reduction : pending) reduction->wait();
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE((values[static_cast<size_t>(i)] == i * comm.size()).all().item<bool>()) << i;
    }
    for (auto& reduction : pending) EXPECT_TRUE(reduction->advance());
  });
}

TEST_F(NcclOnGpus, ASumThatNobodyWaitsForEndsBeforeItsMemoryIsUsedAgain) {
  on_all_gpus([](const Communicator& comm, at::TensorOptions on) {
    for (int i = 0; i < 20; ++i) {
      {
        at::Tensor value = at::ones({1 << 20}, on);
        comm.start_all_reduce(value, "value");
      }
      EXPECT_EQ(at::zeros({1 << 20}, on).sum().item<double>(), 0);
    }
  });
}

TEST_F(NcclOnGpus, GathersInRankOrder) {
  on_all_gpus([](const Communicator& comm, at::TensorOptions on) {
    for (const auto type : kTypes) {
      const at::Tensor all = comm.gather(at::full({2, 3}, comm.rank(), on.dtype(type)), "rows");
      const at::Tensor expected =
          at::arange(comm.size(), on).repeat_interleave(2).unsqueeze(1).expand({-1, 3}).to(type);
      EXPECT_TRUE(all.equal(expected)) << toString(type);
    }
  });
}

TEST_F(NcclOnGpus, GathersUnevenSharesAndEmptyOnes) {
  on_all_gpus([](const Communicator& comm, at::TensorOptions on) {
    // Rank r has r rows of the value r.
    const at::Tensor all = comm.gather_uneven(at::full({comm.rank(), 3}, comm.rank(), on), "rows");
    const at::Tensor ranks = at::arange(comm.size(), on.dtype(at::kLong));
    EXPECT_TRUE(all.equal(
        at::repeat_interleave(ranks, ranks).unsqueeze(1).expand({-1, 3}).to(all.scalar_type())));
  });
}

TEST_F(NcclOnGpus, BroadcastsRankZero) {
  on_all_gpus([](const Communicator& comm, at::TensorOptions on) {
    at::Tensor value = at::full({5}, comm.rank() + 7, on);
    comm.broadcast(value, "weights");
    EXPECT_TRUE((value == 7).all().item<bool>());
  });
}

TEST_F(NcclOnGpus, TensorsOfTheHostGoThroughTheHost) {
  on_all_gpus([](const Communicator& comm, at::TensorOptions) {
    at::Tensor value = at::ones({2});
    comm.all_reduce(value, "value");
    EXPECT_TRUE((value == comm.size()).all().item<bool>());
    comm.barrier("end");
  });
}

}  // namespace
}  // namespace semiseg
