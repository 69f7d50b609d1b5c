# Not -Wmaybe-uninitialized: results are given through parameters that are
# written on success only, and gcc cannot know that a failure is never 0.  The
# sanitizers and valgrind look instead.
add_library(esp_warnings INTERFACE)
target_compile_options(esp_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow
  -Wconversion -Wno-sign-conversion -Wdouble-promotion -Wstrict-prototypes
  -Wmissing-prototypes -Wwrite-strings -Wcast-qual -Wundef -Wvla -Wformat=2
  -Wpointer-arith $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<C_COMPILER_ID:Clang>:-Wno-double-promotion> $<$<BOOL:${ESP_WERROR}>:-Werror>)
target_compile_definitions(esp_warnings INTERFACE _GNU_SOURCE
  ESPALIER_VERSION="${PROJECT_VERSION}")

# room(<name> BELOW <rooms it may include> LIBS <outside libraries>)
# A room is src/<name>.  It may include only itself and the rooms BELOW it,
# which are declared above it, so that no cycle can arise.  An outside library
# is seen by the rooms that name it and by no other.
function(room name)
  cmake_parse_arguments(R "" "" "BELOW;LIBS" ${ARGN})
  foreach(below ${R_BELOW})
    if(NOT TARGET ${below})
      message(FATAL_ERROR "${name}/ stands on ${below}/, which is not declared above it")
    endif()
  endforeach()
  file(GLOB files CONFIGURE_DEPENDS src/${name}/*.[ch])
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
  foreach(file ${files})
    file(STRINGS ${file} lines REGEX "^ *# *include \"[^\"]*/")
    foreach(line ${lines})
      string(REGEX REPLACE "^[^\"]*\"([^/]*)/.*" "\\1" used "${line}")
      if(NOT used IN_LIST R_BELOW AND NOT used STREQUAL name)
        message(FATAL_ERROR "${file} includes ${used}/, which is not below ${name}/")
      endif()
    endforeach()
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS src/${name}/*.c)
  if(NOT sources) # a room whose first file is still to come
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} STATIC ${files})
  set_property(GLOBAL APPEND PROPERTY ESP_ROOMS ${name})
  target_include_directories(${name} PUBLIC include src)
  target_link_libraries(${name} PUBLIC ${R_BELOW} PRIVATE esp_warnings ${R_LIBS})
endfunction()
