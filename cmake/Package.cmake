# What cmake --install puts where, and the Debian package (cpack -G DEB).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The command finds its library beside it, wherever both are put.
file(RELATIVE_PATH from_bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR}
     ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(espalier PROPERTIES
  INSTALL_RPATH "$ORIGIN/${from_bin_to_lib}")

install(TARGETS espalier RUNTIME)
install(TARGETS libespalier EXPORT espalier LIBRARY)
install(DIRECTORY include/espalier TYPE INCLUDE)

# find_package(espalier) gives the target espalier::espalier.
set(config ${CMAKE_INSTALL_LIBDIR}/cmake/espalier)
install(EXPORT espalier NAMESPACE espalier:: DESTINATION ${config}
        FILE espalierConfig.cmake)
write_basic_package_version_file(espalierConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/espalierConfigVersion.cmake
        DESTINATION ${config})

# pkg-config, with a prefix that follows the file.
file(RELATIVE_PATH from_pc_to_prefix
     ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/espalier.pc.in espalier.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/espalier.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Manual pages say what --help says: they are made from it.
set(pages ${CMAKE_BINARY_DIR}/man)
add_custom_command(OUTPUT ${pages}/espalier.1
  COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:espalier> -DPAGES=${pages}
          -DVERSION=${PROJECT_VERSION} -P ${CMAKE_SOURCE_DIR}/cmake/Manual.cmake
  DEPENDS espalier ${CMAKE_SOURCE_DIR}/cmake/Manual.cmake VERBATIM)
add_custom_target(manual ALL DEPENDS ${pages}/espalier.1)
install(DIRECTORY ${pages}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
        FILES_MATCHING PATTERN "*.1")
install(FILES docs/man/espalier.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)

# Completion asks the program itself, so it knows every option.
install(FILES cmake/completion/espalier
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES cmake/completion/_espalier
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)

install(FILES README.md CHANGELOG.md LICENSE TYPE DOC)
install(DIRECTORY docs/ TYPE DOC FILES_MATCHING PATTERN "*.md")
install(DIRECTORY slurm TYPE DOC)

set(CPACK_PACKAGE_NAME espalier)
set(CPACK_PACKAGE_CONTACT "The Espalier maintainers <espalier@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
    "ONNX models over HDF5 datasets on threads and MPI ranks")
set(CPACK_PACKAGE_DESCRIPTION
"Runs ONNX models over HDF5 datasets with OpenMP inside operators, a pool of
workers across operators, and branches or replicas across MPI ranks; and a C
library with fork and wait on tensors.")
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_DEPENDS openmpi-bin) # mpirun
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
