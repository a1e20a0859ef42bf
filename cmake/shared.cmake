# Links the shared library from the static one: target tlspair, also tlspair::tlspair. Cargo's own
# shared library can have no symbol versions (rust-lld ignores the script, bfd refuses it).
set(version_script "${PROJECT_SOURCE_DIR}/src/ffi/tlspair.map")

# Nothing is compiled here: the sources are what an IDE shows, and what names the language of the link.
add_library(tlspair SHARED include/tlspair.h src/ffi/tlspair.map)
add_library(tlspair::tlspair ALIAS tlspair)
add_dependencies(tlspair tlspair_cargo)
set_target_properties(tlspair PROPERTIES
    LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}
    LINK_DEPENDS "${TLSPAIR_STATIC_LIBRARY};${version_script}")
target_include_directories(tlspair INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(tlspair PRIVATE ${TLSPAIR_STATIC_LINK_LIBRARIES})

if(APPLE)
    target_link_options(tlspair PRIVATE
        "-Wl,-force_load,${TLSPAIR_STATIC_LIBRARY}" "-Wl,-exported_symbol,_tls_*" -Wl,-dead_strip)
else()
    # nodelete: resolver threads outlive a dlclose.
    target_link_options(tlspair PRIVATE
        -Wl,--whole-archive "${TLSPAIR_STATIC_LIBRARY}" -Wl,--no-whole-archive
        "-Wl,--version-script=${version_script}"
        -Wl,-z,nodelete -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,--as-needed -Wl,--gc-sections)
endif()

# The C++ header is all inline: target tlspair_cpp, also tlspair::cpp, is the library and C++17.
add_library(tlspair_cpp INTERFACE)
add_library(tlspair::cpp ALIAS tlspair_cpp)
set_target_properties(tlspair_cpp PROPERTIES EXPORT_NAME cpp)
target_link_libraries(tlspair_cpp INTERFACE tlspair)
target_compile_features(tlspair_cpp INTERFACE cxx_std_17)
