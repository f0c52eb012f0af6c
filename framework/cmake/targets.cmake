# Defines the targets of the project: warnings, sanitizer, precompiled header.
set(semiseg_modules "" CACHE INTERNAL "")

function(semiseg_flags target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -fPIC
    $<$<BOOL:${SEMISEG_WERROR}>:-Werror>)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  if(SEMISEG_SANITIZER)
    target_compile_options(${target} PRIVATE -fsanitize=${SEMISEG_SANITIZER} -fno-omit-frame-pointer -g)
    target_link_options(${target} PRIVATE -fsanitize=${SEMISEG_SANITIZER})
  endif()
endfunction()

# One precompiled ATen header for all folders that compute with tensors.
function(semiseg_aten target)
  target_link_libraries(${target} PRIVATE semiseg_torch)
  if(NOT SEMISEG_PCH)
    return()
  endif()
  if(NOT TARGET semiseg_pch)
    file(WRITE ${PROJECT_BINARY_DIR}/pch.cpp "// carries the precompiled header\n")
    add_library(semiseg_pch OBJECT ${PROJECT_BINARY_DIR}/pch.cpp)
    semiseg_flags(semiseg_pch)
    target_link_libraries(semiseg_pch PRIVATE semiseg_torch)
    target_precompile_headers(semiseg_pch PRIVATE <ATen/core/Tensor.h> <ATen/Functions.h>
      <ATen/TensorOperators.h> <string> <vector>)
  endif()
  target_precompile_headers(${target} REUSE_FROM semiseg_pch)
endfunction()

# A release build compiles the sources of a folder in groups of eight (CMake's unity build): 4 s for eight methods in place
# of 20 s one by one. A plug-in has a namespace of its own, so that its local names may occur in others. Files in ALONE are
# compiled one by one, because local names of theirs occur twice in their folder.
function(semiseg_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# semiseg_module(name [ATEN] SOURCES … [ALONE …] [LIBRARIES …]): one OBJECT library for a folder. OBJECT, because the
# linker would drop self-registering plug-ins from an ordinary static library.
function(semiseg_module name)
  cmake_parse_arguments(arg "ATEN" "" "SOURCES;ALONE;LIBRARIES" ${ARGN})
  semiseg_alone(${arg_ALONE})
  list(APPEND arg_SOURCES ${arg_ALONE})
  add_library(semiseg_${name} OBJECT ${arg_SOURCES})
  semiseg_flags(semiseg_${name})
  target_link_libraries(semiseg_${name} PRIVATE fmt::fmt ${arg_LIBRARIES})
  if(arg_ATEN)
    semiseg_aten(semiseg_${name})
  endif()
  set(semiseg_modules ${semiseg_modules} semiseg_${name} CACHE INTERNAL "")
  set(semiseg_module_libraries ${semiseg_module_libraries} ${arg_LIBRARIES} CACHE INTERNAL "")
endfunction()

# semiseg_cuda_module(name SOURCES …): the .cu files of a folder. They use neither LibTorch nor the flags of g++.
function(semiseg_cuda_module name)
  cmake_parse_arguments(arg "" "" "SOURCES" ${ARGN})
  add_library(semiseg_${name}_cuda OBJECT ${arg_SOURCES})
  set_target_properties(semiseg_${name}_cuda PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(semiseg_${name}_cuda PRIVATE ${PROJECT_SOURCE_DIR})
  set(semiseg_modules ${semiseg_modules} semiseg_${name}_cuda CACHE INTERNAL "")
endfunction()

# semiseg_jemalloc(program): allocates with jemalloc, by which a step's tensors cost fewer page faults. Nothing calls it by
# name, it stands in for malloc; the sanitizers bring their own.
function(semiseg_jemalloc program)
  if(NOT SEMISEG_SANITIZER)
    target_sources(${program} PRIVATE ${semiseg_malloc_conf})
    target_link_libraries(${program} PRIVATE -Wl,--push-state,--no-as-needed PkgConfig::jemalloc -Wl,--pop-state)
  endif()
endfunction()

# All folders in one shared library: tests and programs link in a second, out-of-tree plug-ins link to it.
function(semiseg_library)
  add_library(semiseg SHARED)
  foreach(module ${semiseg_modules})
    target_sources(semiseg PRIVATE $<TARGET_OBJECTS:${module}>)
  endforeach()
  set_target_properties(semiseg PROPERTIES LINKER_LANGUAGE CXX
    BUILD_RPATH "${torch_rpath}" INSTALL_RPATH "$ORIGIN;${torch_rpath}" EXPORT_NAME semiseg)
  target_include_directories(semiseg PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/semiseg>)
  target_link_libraries(semiseg PRIVATE ${semiseg_module_libraries} semiseg_torch PUBLIC fmt::fmt)
  # RPATH, not RUNPATH: it also serves the libraries that LibTorch itself needs.
  target_link_options(semiseg PRIVATE -Wl,--disable-new-dtags)
  add_library(semiseg::semiseg ALIAS semiseg)
endfunction()

# semiseg_program(target SOURCES …): an executable on top of the library.
function(semiseg_program target)
  cmake_parse_arguments(arg "ATEN" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${target} ${arg_SOURCES})
  semiseg_flags(${target})
  target_link_libraries(${target} PRIVATE semiseg ${arg_LIBRARIES})
  semiseg_aten(${target})
  set_target_properties(${target} PROPERTIES BUILD_RPATH "${torch_rpath}"
    INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR};${torch_rpath}")
  target_link_options(${target} PRIVATE -Wl,--disable-new-dtags)
endfunction()
