// SPDX-License-Identifier: Apache-2.0
// The program, compiler and LibTorch that a plug-in from outside the tree must share with the
// program that loads it. The interface number rises with every change of a registry's entries or of
// a class that plug-ins derive from. semiseg_plugin() of the CMake package compiles this text into
// a plug-in.
#pragma once

#include <torch/version.h>

// Between the mark and ';' the text stands in the plug-in's file, where it is read before any of
// its code runs. SEMISEG_VERSION is a string literal that the build defines.
#define SEMISEG_PLUGIN_MARK "semiseg-plugin-abi:"
#define SEMISEG_TEXT_OF(x) #x
#define SEMISEG_TEXT(x) SEMISEG_TEXT_OF(x)
#define SEMISEG_PLUGIN_ABI                                          \
  "semiseg " SEMISEG_VERSION ", interface 4, g++ " __VERSION__      \
  ", LibTorch " SEMISEG_TEXT(TORCH_VERSION_MAJOR) "." SEMISEG_TEXT( \
      TORCH_VERSION_MINOR) "." SEMISEG_TEXT(TORCH_VERSION_PATCH)
