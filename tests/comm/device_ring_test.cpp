// SPDX-License-Identifier: Apache-2.0
// The ring of device collectives over events that the tests reach by hand, and the limit of time.
#include "framework/comm/watch/device_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>

#include "framework/comm/watch/time_limit.h"

namespace semiseg {
namespace {

struct FakeEvent : DeviceEvent {
  bool reached() const override {
    if (is_broken) throw std::runtime_error("the device has fallen off the bus");
    return is_reached;
  }
  bool is_reached = false, is_broken = false;
};

// A collective with its two events.
struct Launch {
  std::shared_ptr<FakeEvent> start = std::make_shared<FakeEvent>(),
                             end = std::make_shared<FakeEvent>();
};

Launch launch(DeviceRing& ring, const std::string& name, int communicator = 0) {
  Launch one;
  ring.launched({communicator, name, /*bytes=*/96, one.start, one.end});
  return one;
}

TEST(DeviceRing, NamesTheOldestCollectiveThatHasBegunAndNotEnded) {
  DeviceRing ring;
  const Launch first = launch(ring, "all_reduce of a"), second = launch(ring, "gather of b");
  DeviceState state = ring.poll(10);
  EXPECT_EQ(state.launched, 2);
  EXPECT_EQ(state.completed, 0);
  EXPECT_EQ(state.operation, "") << "the device still computes what comes before";
  first.start->is_reached = true;
  EXPECT_EQ(ring.poll(11).since, 11);
  state = ring.poll(15);
  EXPECT_EQ(state.operation, "all_reduce of a (device collective 1, communicator 0, 96 bytes)");
  EXPECT_EQ(state.since, 11);
  first.end->is_reached = second.start->is_reached = true;
  state = ring.poll(20);
  EXPECT_EQ(state.completed, 1);
  EXPECT_EQ(state.operation, "gather of b (device collective 2, communicator 0, 96 bytes)");
  EXPECT_EQ(state.since, 20);
  second.end->is_reached = true;
  state = ring.poll(21);
  EXPECT_EQ(state.completed, 2);
  EXPECT_EQ(state.operation, "");
}

// Two communicators have a stream each.
TEST(DeviceRing, ALaterCollectiveOfAnotherCommunicatorMayEndFirst) {
  DeviceRing ring;
  const Launch norm = launch(ring, "all_reduce of batch_norm_backward", 0),
               bucket = launch(ring, "all_reduce of gradients", 1);
  norm.start->is_reached = bucket.start->is_reached = bucket.end->is_reached = true;
  const DeviceState state = ring.poll(5);
  EXPECT_EQ(state.completed, 1);
  EXPECT_TRUE(state.operation.starts_with("all_reduce of batch_norm_backward")) << state.operation;
}

TEST(DeviceRing, HoldsOnlyWhatIsInFlightThoughNobodyPolls) {
  DeviceRing ring;
  std::vector<std::weak_ptr<FakeEvent>> events;
  for (int i = 0; i < 100; ++i) {
    const Launch one = launch(ring, "all_reduce of sum");
    one.start->is_reached = one.end->is_reached = true;
    events.push_back(one.end);
  }
  size_t alive = 0;
  for (const auto& event : events) alive += !event.expired();
  EXPECT_LE(alive, 2u);
  EXPECT_EQ(ring.poll(1).completed, 100);
}

TEST(DeviceRing, AFailureOfTheDeviceOrOfTheNetworkIsAMessage) {
  DeviceRing ring;
  const Launch one = launch(ring, "all_reduce of sum");
  EXPECT_EQ(ring.poll(1).failure, "");
  one.end->is_broken = true;
  EXPECT_EQ(ring.poll(2).failure, "the device has fallen off the bus");

  DeviceRing other;
  std::string network;
  const int number = other.add_communicator([&] { return network; });
  EXPECT_EQ(other.poll(1).failure, "");
  network = "remote process exited or there was a network error";
  EXPECT_EQ(other.poll(2).failure, network);
  EXPECT_NE(other.add_communicator([] { return ""; }), number);
}

TEST(DeviceRing, ACommunicatorThatIsGoneIsAskedNoMore) {
  DeviceRing ring;
  int asked = 0;
  ring.remove_communicator(ring.add_communicator([&] { return ++asked, ""; }));
  ring.poll(1);
  EXPECT_EQ(asked, 0);
}

TEST(TimeLimit, IsCalledOnceWhenTheCallTakesLongerAndNeverWhenItReturns) {
  std::promise<void> expired;
  {
    const TimeLimit limit(0.01, [&] { expired.set_value(); });
    expired.get_future().wait();
  }
  std::atomic<int> calls = 0;
  {
    const TimeLimit limit(3600, [&] { ++calls; });
  }
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace semiseg
