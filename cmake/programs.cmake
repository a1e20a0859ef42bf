# The C and C++ programs of the examples, the benchmarks and the tests.
find_package(OpenSSL 3.0 QUIET)
find_package(Threads REQUIRED)
find_package(PkgConfig QUIET)

# Libraries of others for which there are examples: what is included of each, and its name for pkg-config.
set(tlspair_others_headers "hiredis/" "uv\\.h>" "event2/" "glib")
set(tlspair_others_packages hiredis libuv libevent_core glib-2.0)

# The library needs no C++ compiler, so its absence only leaves out what is in C++.
include(CheckLanguage)
if(TLSPAIR_BUILD_EXAMPLES OR TLSPAIR_BUILD_TESTS)
    check_language(CXX)
    if(CMAKE_CXX_COMPILER)
        enable_language(CXX)
        find_path(ASIO_INCLUDE_DIRECTORY asio.hpp)
    endif()
endif()

# tlspair_program_options(TARGET): C11 or C++17, and the warnings that all our code is free of
function(tlspair_program_options target)
    set_target_properties(${target} PROPERTIES
        C_STANDARD 11 C_STANDARD_REQUIRED ON
        CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
    # A callback rarely needs all of its parameters.
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wno-unused-parameter)
endfunction()

# tlspair_add_program(NAME SOURCE): linked with what the file includes: <tlspair.h> or <tlspair.hpp> the
# shared library, <openssl/...> OpenSSL, the others what is said above. Programs that need what is not
# here are left out (TARGET NAME then does not exist).
function(tlspair_add_program name source)
    file(STRINGS "${source}" uses_openssl REGEX "^#include <openssl/" LIMIT_COUNT 1)
    file(STRINGS "${source}" uses_tlspair REGEX "^#include <tlspair\\.h" LIMIT_COUNT 1)
    file(STRINGS "${source}" uses_asio REGEX "^#include <asio" LIMIT_COUNT 1)
    cmake_path(GET source EXTENSION LAST_ONLY extension)
    set(missing "")
    if(uses_openssl AND NOT OpenSSL_FOUND)
        set(missing "OpenSSL, which it uses directly")
    elseif(extension STREQUAL ".cpp" AND NOT CMAKE_CXX_COMPILER)
        set(missing "a C++ compiler")
    elseif(uses_asio AND NOT ASIO_INCLUDE_DIRECTORY)
        set(missing "Asio (Debian: libasio-dev)")
    endif()
    set(others)
    foreach(header package IN ZIP_LISTS tlspair_others_headers tlspair_others_packages)
        file(STRINGS "${source}" uses_it REGEX "^#include <${header}" LIMIT_COUNT 1)
        if(NOT uses_it)
            continue()
        endif()
        if(PkgConfig_FOUND)
            pkg_check_modules(TLSPAIR_${package} QUIET IMPORTED_TARGET ${package})
        endif()
        if(NOT TLSPAIR_${package}_FOUND)
            set(missing "${package}")
        endif()
        list(APPEND others PkgConfig::TLSPAIR_${package})
    endforeach()
    if(missing)
        message(STATUS "tlspair: ${name} is left out, for want of ${missing}")
        return()
    endif()
    add_executable(${name} "${source}")
    tlspair_program_options(${name})
    target_link_libraries(${name} PRIVATE Threads::Threads ${others})
    if(uses_tlspair)
        target_link_libraries(${name} PRIVATE tlspair)
    endif()
    if(uses_openssl)
        target_link_libraries(${name} PRIVATE OpenSSL::SSL OpenSSL::Crypto)
    endif()
    if(uses_asio)
        target_include_directories(${name} SYSTEM PRIVATE "${ASIO_INCLUDE_DIRECTORY}")
    endif()
endfunction()

# tlspair_add_programs(DIRECTORY): one program for each C or C++ file, in DIRECTORY of the build tree. The
# targets carry the directory's name too, so that they get on with the targets of other projects.
function(tlspair_add_programs directory)
    file(GLOB sources CONFIGURE_DEPENDS
        "${PROJECT_SOURCE_DIR}/${directory}/*.c" "${PROJECT_SOURCE_DIR}/${directory}/*.cpp")
    foreach(source IN LISTS sources)
        cmake_path(GET source STEM name)
        tlspair_add_program(${directory}-${name} "${source}")
        if(TARGET ${directory}-${name})
            set_target_properties(${directory}-${name} PROPERTIES
                OUTPUT_NAME ${name}
                RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${directory}")
        endif()
    endforeach()
endfunction()
