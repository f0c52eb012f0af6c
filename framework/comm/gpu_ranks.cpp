// SPDX-License-Identifier: Apache-2.0
#include "framework/comm/gpu_ranks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "framework/comm/backends.h"
#include "framework/comm/broadcast.h"
#include "framework/core/error.h"

namespace semiseg {
namespace {

constexpr const char* kLaunchOrder = "NCCL_LAUNCH_ORDER_IMPLICIT";

}  // namespace

int gpu_index(int in_sight, int local_rank, int local_size) {
  if (in_sight >= local_size || in_sight == 0) return local_rank;
  return local_rank % in_sight;
}

void check_distinct(const std::vector<GpuPlace>& places) {
  std::map<std::pair<std::string, std::string>, size_t> owners;
  for (size_t rank = 0; rank < places.size(); ++rank) {
    const auto& [host, gpu] = places[rank];
    const auto [owner, is_new] = owners.try_emplace({host, gpu}, rank);
    if (is_new) continue;
    throw Error(ErrorKind::kConfig,
                {.what = fmt::format("ranks {} and {} have the same GPU", owner->second, rank),
                 .where = fmt::format("{}, GPU {}", host, gpu),
                 .expected = "a GPU for each rank",
                 .fix = "start at most as many ranks on a machine as it has GPUs, and let each see "
                        "all of them (--gpu-bind=none) or one of its own; the instances of a MIG "
                        "GPU count as one, for one rank"});
  }
}

void check_distinct_gpus([[maybe_unused]] at::Device device,
                         [[maybe_unused]] const Communicator& comm) {
#ifdef SEMISEG_HAS_CUDA
  if (!device.is_cuda() || comm.size() == 1) return;
  const GpuPlace mine = gpu_place(device.index());
  const std::vector<std::string> hosts = gather_texts(mine.host, comm),
                                 gpus = gather_texts(mine.gpu, comm);
  std::vector<GpuPlace> places;
  for (size_t rank = 0; rank < hosts.size(); ++rank) places.push_back({hosts[rank], gpus[rank]});
  check_distinct(places);
#endif
}

std::string describe_machine([[maybe_unused]] at::Device device) {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  std::string text = host;
#ifdef SEMISEG_HAS_CUDA
  if (device.is_cuda()) text += ": " + describe_gpu(device.index());
#endif
  return text;
}

void set_nccl_variables() {
  ::setenv(kLaunchOrder, "1", /*overwrite=*/0);
  const std::string value = std::getenv(kLaunchOrder);
  if (value == "1") return;
  throw Error(ErrorKind::kConfig,
              {.what = "the environment keeps NCCL from ordering the collectives of ranks",
               .where = kLaunchOrder,
               .expected = "1, or not set",
               .got = value,
               .fix = fmt::format("unset {}", kLaunchOrder)});
}

}  // namespace semiseg
