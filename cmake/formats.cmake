# The names of the formats, as src/format/formats.h lists them. Each has a contract test (test/contract) and a fuzz target
# (fuzz).
set(MT_FORMATS)
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../src/format/formats.h lines REGEX "^MT_FORMAT")
foreach(line ${lines})
  string(REGEX REPLACE "^MT_FORMAT\\((.*)\\)$" "\\1" name "${line}")
  list(APPEND MT_FORMATS ${name})
endforeach()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/../src/format/formats.h)
