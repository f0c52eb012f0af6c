// SPDX-License-Identifier: Apache-2.0
// Every registered method on inputs that its reference never meets: it works, or says in the words of
// the configuration what it needs.
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "launch/conformance/training.h"

namespace semiseg {
namespace {

// The message of the error of a short training; empty: it trained. Anything but a kConfig fails.
std::string refusal(const MethodSetup& setup, const std::string& title) {
  const auto comm = make_serial_communicator();
  try {
    MethodUnderTest method(setup, *comm);
    train_stages(method, setup, *comm);
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::kConfig))
        << title << ": " << error.what();
    return error.what();
  }
  return "";
}

TEST(EveryMethod, RefusesANetworkWithoutItsHeads) {
  for (const MethodOnImages& method : methods_on_images()) {
    const MethodNetworks& networks = MethodRegistry::instance().find(method.name).networks;
    if (networks.of(method.axes) == "any" || networks.is_only) continue;
    MethodSetup setup = method.setup();
    const std::string plain = method.axes == 3 ? "vnet" : "unet";
    setup.backbone = "name = '" + plain + "'\n" + BackboneRegistry::instance().find(plain).small;
    // Prototypes at a network's scales: it takes those of the network that it gets.
    if (method.name == "tac") continue;
    EXPECT_NE(refusal(setup, method.title()), "") << method.title() << " trained on " << plain;
  }
}

TEST(EveryMethod, TrainsOnUnevenBatchesOrSaysWhichItNeeds) {
  for (const MethodOnImages& method : methods_on_images()) {
    MethodSetup setup = method.setup();
    setup.batch = 5;
    setup.labelled = 2;
    const std::string message = refusal(setup, method.title());
    EXPECT_TRUE(message.empty() || message.find("batch") != std::string::npos)
        << method.title() << ": " << message;
  }
}

}  // namespace
}  // namespace semiseg
