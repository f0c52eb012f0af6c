// SPDX-License-Identifier: Apache-2.0
#include "framework/run/folder_request.h"

#include "framework/comm/launch_environment.h"
#include "framework/core/process.h"
#include "framework/run/run_options.h"

namespace semiseg {

FolderOptions FolderOptions::read(const Config& run) {
  FolderOptions o;
  run.read("root", o.root,
           "Folder that run folders are made in. Set it to a disk with space for checkpoints that "
           "all nodes see.",
           Effect::kNone);
  run.read("dir", o.directory,
           "Run folder to use instead of one that is named for the configuration: a new one, or "
           "one that holds this configuration. Set it where a script needs to know the name.",
           Effect::kNone);
  return o;
}

RunFolderRequest folder_request(const Config& config) {
  read_all_options(config);
  const FolderOptions options = FolderOptions::read(config.section("run"));
  return {.root = options.root,
          .directory = options.directory,
          .method = config.section("method").required("name", "method"),
          .dataset = config.section("dataset").required("name", "data set"),
          .job = LaunchEnvironment::read(environment()).job,
          .now = now_seconds()};
}

}  // namespace semiseg
