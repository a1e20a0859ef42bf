# What `cmake --install` puts where. All of it can be moved afterwards: no path is absolute.
include(CMakePackageConfigHelpers)

install(TARGETS tlspair tlspair_cpp EXPORT tlspairTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES "${TLSPAIR_STATIC_LIBRARY}" DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(FILES LICENSE-APACHE LICENSE-MIT DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/tlspair)

# pkg-config
set(pc_directory "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(IS_ABSOLUTE "${pc_directory}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    message(FATAL_ERROR "tlspair: CMAKE_INSTALL_LIBDIR and CMAKE_INSTALL_INCLUDEDIR are relative to the prefix")
endif()
file(RELATIVE_PATH TLSPAIR_PC_TO_PREFIX "/${pc_directory}" "/")
string(REGEX REPLACE "/$" "" TLSPAIR_PC_TO_PREFIX "${TLSPAIR_PC_TO_PREFIX}")
if(TLSPAIR_USE_VENDORED)
    set(TLSPAIR_PC_REQUIRES "")
else()
    set(TLSPAIR_PC_REQUIRES "openssl >= 3.0")
endif()
configure_file(cmake/tlspair.pc.in tlspair.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tlspair.pc" DESTINATION "${pc_directory}")

# find_package(tlspair CONFIG)
set(config_directory "${CMAKE_INSTALL_LIBDIR}/cmake/tlspair")
configure_package_config_file(cmake/tlspairConfig.cmake.in tlspairConfig.cmake
    INSTALL_DESTINATION "${config_directory}"
    PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(tlspairConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES
    "${PROJECT_BINARY_DIR}/tlspairConfig.cmake"
    "${PROJECT_BINARY_DIR}/tlspairConfigVersion.cmake"
    DESTINATION "${config_directory}")
install(EXPORT tlspairTargets NAMESPACE tlspair:: DESTINATION "${config_directory}")
