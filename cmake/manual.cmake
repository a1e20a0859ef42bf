# Man pages and HTML from the header, where Doxygen and Python are: target tlspair_manual.
find_package(Doxygen 1.9.3 QUIET)
find_package(Python3 3.9 QUIET COMPONENTS Interpreter)
if(DOXYGEN_FOUND AND Python3_FOUND)
    set(manual_is_possible ${PROJECT_IS_TOP_LEVEL})
else()
    set(manual_is_possible OFF)
endif()
option(TLSPAIR_BUILD_MANUAL "Make man pages and HTML from the header, with Doxygen" ${manual_is_possible})
if(NOT TLSPAIR_BUILD_MANUAL)
    return()
endif()
if(NOT DOXYGEN_FOUND OR NOT Python3_FOUND)
    message(FATAL_ERROR "tlspair: TLSPAIR_BUILD_MANUAL needs Doxygen 1.9.3 and Python 3.9, or later ones")
endif()

set(TLSPAIR_MANUAL_COMMAND
    ${Python3_EXECUTABLE} "${PROJECT_SOURCE_DIR}/docs/reference/build" ${PROJECT_VERSION})
set(manual "${PROJECT_BINARY_DIR}/manual")
file(GLOB manual_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/docs/reference/*")
add_custom_command(OUTPUT "${manual}/html/index.html"
    COMMAND ${TLSPAIR_MANUAL_COMMAND} "${manual}"
    DEPENDS include/tlspair.h ${manual_sources}
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Doxygen: the manual"
    VERBATIM)
add_custom_target(tlspair_manual ALL DEPENDS "${manual}/html/index.html")
if(TLSPAIR_INSTALL)
    # OPTIONAL: who built the library alone can install that.
    install(DIRECTORY "${manual}/man/" DESTINATION ${CMAKE_INSTALL_MANDIR} OPTIONAL)
    install(DIRECTORY "${manual}/html" DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
endif()
