// SPDX-License-Identifier: Apache-2.0
// The events of the device ring on a GPU, used again and again: making one costs more than recording
// it. Private to the nccl*.cpp files.
#pragma once

#include <c10/cuda/CUDAGuard.h>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "framework/comm/nccl/cuda_event.h"
#include "framework/comm/watch/device_ring.h"

namespace semiseg {

class RingEvents {
 public:
  RingEvents(int rank, c10::DeviceIndex device) : rank_(rank), device_(device) {}

  // Returns an event behind the work queued on `stream` so far. The device is the current one.
  std::shared_ptr<const DeviceEvent> record(cudaStream_t stream) const {
    std::unique_ptr<Event> event = free_->take();
    if (!event) event = std::make_unique<Event>(rank_, device_);
    event->event.record(stream, {rank_, "device ring"});
    return {event.release(),
            [free = free_](Event* done) { free->give(std::unique_ptr<Event>(done)); }};
  }

 private:
  struct Event : DeviceEvent {
    Event(int of_rank, c10::DeviceIndex on)
        : event({of_rank, "device ring"}), rank(of_rank), device(on) {}
    // The thread that asks has no device of its own; without the guard it would start the first one.
    bool reached() const override {
      const c10::cuda::CUDAGuard guard(device);
      return event.reached({rank, "device ring"});
    }
    CudaEvent event;
    int rank;
    c10::DeviceIndex device;
  };
  class Free {
   public:
    std::unique_ptr<Event> take() {
      const std::lock_guard lock(mutex_);
      if (events_.empty()) return nullptr;
      std::unique_ptr<Event> event = std::move(events_.back());
      events_.pop_back();
      return event;
    }
    void give(std::unique_ptr<Event> event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
    }

   private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Event>> events_;
  };

  int rank_;
  c10::DeviceIndex device_;
  std::shared_ptr<Free> free_ = std::make_shared<Free>();
};

}  // namespace semiseg
