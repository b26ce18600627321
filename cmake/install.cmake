# What is installed: headers, libraries, command, man pages, completions, documentation; for pkg-config and for CMake.
include(CMakePackageConfigHelpers)

install(TARGETS microtome microtome_static EXPORT microtome)
if(TARGET microtome_cli)
  install(TARGETS microtome_cli)
  # Man pages and completions come from the texts of --help: the command prints them.
  function(mt_print file destination name)
    add_custom_command(OUTPUT ${file} COMMAND microtome_cli ${ARGN} > ${file} DEPENDS microtome_cli VERBATIM)
    set_property(GLOBAL APPEND PROPERTY MT_PRINTED ${PROJECT_BINARY_DIR}/${file})
    install(FILES ${PROJECT_BINARY_DIR}/${file} DESTINATION ${destination} RENAME ${name})
  endfunction()
  mt_print(microtome.1 ${CMAKE_INSTALL_MANDIR}/man1 microtome.1 man)
  foreach(command info patches view)
    mt_print(microtome-${command}.1 ${CMAKE_INSTALL_MANDIR}/man1 microtome-${command}.1 man ${command})
  endforeach()
  mt_print(completion.bash ${CMAKE_INSTALL_DATADIR}/bash-completion/completions microtome completion bash)
  mt_print(completion.zsh ${CMAKE_INSTALL_DATADIR}/zsh/site-functions _microtome completion zsh)
  get_property(printed GLOBAL PROPERTY MT_PRINTED)
  add_custom_target(microtome_pages ALL DEPENDS ${printed})
endif()
install(FILES ${MT_PUBLIC_HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/microtome)
install(FILES README.md LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN "*.png")

list(TRANSFORM MT_CODEC_NAMES PREPEND -l OUTPUT_VARIABLE MT_PKGCONFIG_LIBS_PRIVATE)
list(JOIN MT_PKGCONFIG_LIBS_PRIVATE " " MT_PKGCONFIG_LIBS_PRIVATE)
# Found from where the file itself lies, so that any --prefix and a moved tree work.
file(RELATIVE_PATH MT_PKGCONFIG_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" MT_PKGCONFIG_PREFIX "${MT_PKGCONFIG_PREFIX}")
configure_file(cmake/microtome.pc.in microtome.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/microtome.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(MT_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/microtome)
install(EXPORT microtome NAMESPACE microtome:: FILE microtome-targets.cmake DESTINATION ${MT_PACKAGE_DIR})
configure_package_config_file(cmake/microtome-config.cmake.in microtome-config.cmake
                              INSTALL_DESTINATION ${MT_PACKAGE_DIR})
write_basic_package_version_file(microtome-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/microtome-config.cmake ${PROJECT_BINARY_DIR}/microtome-config-version.cmake
        DESTINATION ${MT_PACKAGE_DIR})
