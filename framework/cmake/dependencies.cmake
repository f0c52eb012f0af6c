# Every third-party library, found once. Nothing is downloaded here; launch/setup brings what is missing.
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(MPI REQUIRED COMPONENTS C)
find_package(CLI11 REQUIRED)
find_package(PNG REQUIRED)
find_package(Boost REQUIRED)  # headers of Boost.Math only
find_package(PkgConfig REQUIRED)
pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
# ITK's package defines much more than it is asked for; only headers and libraries of the formats in use are taken.
find_package(ITK REQUIRED COMPONENTS ITKIOGDCM ITKIOMeta ITKIONRRD ITKNIFTI)
add_library(semiseg_itk INTERFACE)
target_include_directories(semiseg_itk SYSTEM INTERFACE ${ITK_INCLUDE_DIRS})
target_link_libraries(semiseg_itk INTERFACE ITKIOGDCM ITKIOMeta ITKIONRRD ITKniftiio ITKznz gdcmMSFF gdcmDSED gdcmCommon)
# Chart.js draws the plots of the report and is embedded in it, with its licence.
find_file(chart_library chart.min.js PATHS /usr/share/javascript/chart.js REQUIRED)
find_file(chart_licence copyright PATHS /usr/share/doc/libjs-chart.js NO_DEFAULT_PATH REQUIRED)
if(SEMISEG_TESTS)
  find_package(GTest REQUIRED)
endif()

# LibTorch: a copy on CMAKE_PREFIX_PATH wins, else SEMISEG_TORCH_DIR. Plain imported targets in both cases,
# because TorchConfig.cmake of the wheels insists on a CUDA toolkit that a CPU build does not need.
find_path(SEMISEG_TORCH_CONFIG TorchConfig.cmake HINTS ${CMAKE_PREFIX_PATH} ENV CMAKE_PREFIX_PATH
  PATH_SUFFIXES share/cmake/Torch NO_DEFAULT_PATH)
if(SEMISEG_TORCH_CONFIG)
  get_filename_component(torch_dir ${SEMISEG_TORCH_CONFIG}/../../.. ABSOLUTE)
else()
  set(torch_dir ${SEMISEG_TORCH_DIR})
endif()
if(NOT EXISTS ${torch_dir}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "LibTorch not found: expected lib/libtorch_cpu.so in '${torch_dir}'.\n"
    "Run launch/setup (it prints the folder), or put your LibTorch on CMAKE_PREFIX_PATH.")
endif()

include(cuda)
set(torch_libraries c10 torch_cpu)
if(semiseg_cuda)
  list(APPEND torch_libraries c10_cuda torch_cuda)
endif()
foreach(name ${torch_libraries})
  add_library(torch::${name} SHARED IMPORTED)
  set_target_properties(torch::${name} PROPERTIES
    IMPORTED_LOCATION ${torch_dir}/lib/lib${name}.so
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${torch_dir}/include;${torch_dir}/include/torch/csrc/api/include"
    INTERFACE_INCLUDE_DIRECTORIES "${torch_dir}/include;${torch_dir}/include/torch/csrc/api/include")
endforeach()

# LibTorch's include folder carries a newer fmt without its library. Debian's fmt, which we link, must come first.
find_path(fmt_include fmt/format.h PATHS /usr/include NO_DEFAULT_PATH REQUIRED)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/fmt_first)
file(CREATE_LINK ${fmt_include}/fmt ${PROJECT_BINARY_DIR}/fmt_first/fmt SYMBOLIC)

add_library(semiseg_torch INTERFACE)
target_include_directories(semiseg_torch SYSTEM BEFORE INTERFACE ${PROJECT_BINARY_DIR}/fmt_first)
target_link_libraries(semiseg_torch INTERFACE torch::torch_cpu torch::c10)
# One OpenMP runtime in the process: LibTorch's own where it ships one.
target_compile_options(semiseg_torch INTERFACE -fopenmp)
file(GLOB torch_gomp ${torch_dir}/lib/libgomp*.so*)
if(torch_gomp)
  target_link_libraries(semiseg_torch INTERFACE ${torch_gomp})
else()
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  target_link_libraries(semiseg_torch INTERFACE OpenMP::OpenMP_CXX)
endif()
# Folders that the program searches at run time, the wheels' libraries before the toolkit's.
set(torch_rpath ${torch_dir}/lib)
if(semiseg_cuda)
  # NCCL's header before the toolkit's, which may be of another version.
  add_library(semiseg_nccl SHARED IMPORTED)
  set_target_properties(semiseg_nccl PROPERTIES IMPORTED_LOCATION ${nccl_library}
    INTERFACE_INCLUDE_DIRECTORIES ${nccl_include})
  # The CUDA library registers itself and is never called by name: without this the linker drops it.
  target_link_libraries(semiseg_torch INTERFACE -Wl,--no-as-needed torch::torch_cuda torch::c10_cuda
    -Wl,--as-needed semiseg_nccl CUDA::cudart)
  target_compile_definitions(semiseg_torch INTERFACE SEMISEG_HAS_CUDA)
  foreach(folder ${nvidia_folders})
    get_filename_component(folder ${folder}/lib ABSOLUTE)
    list(APPEND torch_rpath ${folder})
  endforeach()
endif()
