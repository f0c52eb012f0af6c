# Prints the configuration on one screen.
message(STATUS "semiseg ${PROJECT_VERSION}: ${CMAKE_BUILD_TYPE}, LibTorch in ${torch_dir}")
message(STATUS "  CUDA ${semiseg_cuda}, tests ${SEMISEG_TESTS}, warnings as errors ${SEMISEG_WERROR}, "
  "precompiled header ${SEMISEG_PCH}, sanitizer '${SEMISEG_SANITIZER}'")
