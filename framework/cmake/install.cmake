# cmake --install: program, library, headers, experiment files, package for find_package(semiseg).
include(CMakePackageConfigHelpers)
install(TARGETS semiseg EXPORT semisegTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS semiseg_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY framework DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/semiseg FILES_MATCHING PATTERN "*.h")
install(DIRECTORY experiments DESTINATION ${CMAKE_INSTALL_DATADIR}/semiseg)
install(DIRECTORY results/reference DESTINATION ${CMAKE_INSTALL_DATADIR}/semiseg/results)  # rows of the benchmarks
install(EXPORT semisegTargets NAMESPACE semiseg:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/semiseg)
configure_package_config_file(framework/cmake/semisegConfig.cmake.in semisegConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/semiseg)
write_basic_package_version_file(semisegConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/semisegConfig.cmake ${PROJECT_BINARY_DIR}/semisegConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/semiseg)
