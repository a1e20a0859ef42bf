# Builds libtlspair.a with cargo: target tlspair_cargo, and tlspair::static to link with.
find_program(CARGO_EXECUTABLE cargo HINTS "$ENV{HOME}/.cargo/bin" REQUIRED)
find_program(RUSTC_EXECUTABLE rustc HINTS "$ENV{HOME}/.cargo/bin" REQUIRED)

if(DEFINED ENV{CARGO_TARGET_DIR})
    file(REAL_PATH "$ENV{CARGO_TARGET_DIR}" TLSPAIR_CARGO_TARGET_DIR BASE_DIRECTORY "${PROJECT_SOURCE_DIR}")
else()
    set(TLSPAIR_CARGO_TARGET_DIR "${PROJECT_BINARY_DIR}/cargo")
endif()
set(TLSPAIR_CARGO ${CMAKE_COMMAND} -E env "CARGO_TARGET_DIR=${TLSPAIR_CARGO_TARGET_DIR}" ${CARGO_EXECUTABLE})

set(TLSPAIR_CARGO_FLAGS --manifest-path "${PROJECT_SOURCE_DIR}/Cargo.toml")
if(TLSPAIR_USE_VENDORED)
    list(APPEND TLSPAIR_CARGO_FLAGS --features vendored)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(profile_directory debug)
    set(profile_flag "")
else()
    set(profile_directory release)
    set(profile_flag --release)
endif()

# `cargo rustc` with one crate type: beside the crate type `lib`, cargo leaves link-time
# optimisation out. The printed list of system libraries is what the package test compares.
set(TLSPAIR_CARGO_BUILD ${TLSPAIR_CARGO} rustc ${TLSPAIR_CARGO_FLAGS} ${profile_flag}
    --lib --crate-type staticlib -- --print native-static-libs)
set(TLSPAIR_STATIC_LIBRARY "${TLSPAIR_CARGO_TARGET_DIR}/${profile_directory}/libtlspair.a")

# Cargo knows better than make what is out of date, so it is asked every time.
add_custom_target(tlspair_cargo ALL
    COMMAND ${TLSPAIR_CARGO_BUILD}
    BYPRODUCTS "${TLSPAIR_STATIC_LIBRARY}"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "cargo: libtlspair.a"
    USES_TERMINAL VERBATIM)

# The system libraries that Rust's standard library needs, from an empty static library.
set(probe "${PROJECT_BINARY_DIR}/native_static_libs")
file(WRITE "${probe}.rs" "")
execute_process(
    COMMAND ${RUSTC_EXECUTABLE} --crate-type staticlib --print native-static-libs -o "${probe}.a" "${probe}.rs"
    ERROR_VARIABLE rustc_output COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "native-static-libs: ([^\n]*)" _ "${rustc_output}")
string(STRIP "${CMAKE_MATCH_1}" TLSPAIR_NATIVE_LIBRARIES)
separate_arguments(native_libraries UNIX_COMMAND "${TLSPAIR_NATIVE_LIBRARIES}")

set(TLSPAIR_STATIC_LINK_LIBRARIES ${native_libraries})
if(NOT TLSPAIR_USE_VENDORED)
    find_package(OpenSSL 3.0 REQUIRED)
    list(PREPEND TLSPAIR_STATIC_LINK_LIBRARIES OpenSSL::SSL OpenSSL::Crypto)
endif()

add_library(tlspair_static STATIC IMPORTED GLOBAL)
set_target_properties(tlspair_static PROPERTIES
    IMPORTED_LOCATION "${TLSPAIR_STATIC_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/include"
    INTERFACE_LINK_LIBRARIES "${TLSPAIR_STATIC_LINK_LIBRARIES}")
add_dependencies(tlspair_static tlspair_cargo)
add_library(tlspair::static ALIAS tlspair_static)
