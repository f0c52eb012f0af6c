// SPDX-License-Identifier: Apache-2.0
#include "launch/folder_request.h"

#include "framework/comm/launch_environment.h"
#include "launch/command_line.h"

namespace semiseg {

RunFolderRequest folder_request(const Config& config) {
  RunFolderRequest request{
      .method = config.section("method").required("name", "method"),
      .dataset = config.section("dataset").required("name", "data set"),
      .ignored = {"run", "threads", "device", "cuda_graphs", "loader", "comm", "dataset.root"},
      .job = LaunchEnvironment::read(environment()).job,
      .now = now_seconds()};
  std::string root = "runs", directory;
  const Config run = config.section("run");
  run.read("root", root, "folder that run folders go into");
  run.read("dir", directory, "this run folder instead; new, or holding the same configuration");
  request.root = root;
  request.directory = directory;
  return request;
}

}  // namespace semiseg
