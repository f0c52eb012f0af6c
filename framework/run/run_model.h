// SPDX-License-Identifier: Apache-2.0
// The model of a run: its method with its networks, and how these predict whole images.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "framework/checkpoint/initial_weights.h"
#include "framework/comm/communicator.h"
#include "framework/inference/segmenter.h"
#include "framework/methods/method.h"
#include "framework/run/run_data.h"

namespace semiseg {

// The source of the weights of the networks.
enum class Start {
  kFresh,       // their own initial weights, or those of backbone.weights
  kCheckpoint,  // a checkpoint is loaded next, so backbone.weights is not read
};

struct RunModel {
  Communicator* comm;
  at::Device device;
  at::ScalarType dtype;
  std::vector<std::string> tasks = {""};  // DatasetInfo::tasks
  InferenceOptions inference;
  std::shared_ptr<InitialWeights> initial_weights;
  // Names of the method's networks of the configured backbone.
  std::shared_ptr<std::vector<std::string>> networks = std::make_shared<std::vector<std::string>>();
  // Images that the method's networks were given on this rank, in all their forward passes so far.
  std::shared_ptr<int64_t> forwarded = std::make_shared<int64_t>(0);
  std::unique_ptr<Method> method;

  // Not collective. Throws kConfig for options that do not fit the data or the device, and kData
  // when backbone.weights cannot be read or does not fit. `world` has chosen its device and
  // outlives the model.
  static RunModel build(const RunOptions& options, const DataFacts& data, World& world,
                        Start start);

  // Returns the function of the model that the method would deploy now; the model must outlive it.
  // `task` is the task of the images, empty where it is not known; throws kConfig, with the names of
  // the tasks, for an unknown one.
  ImagePredictor predictor(const std::string& task = "") const;
  // Returns its label map of one volume.
  at::Tensor segment(const Volume& volume) const;
};

}  // namespace semiseg
