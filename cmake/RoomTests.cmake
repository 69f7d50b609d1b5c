# room_test(<room> <name> [RANKS n...] [LIBS ...])
# tests/<room>/test_<name>.c is one CUnit program, run as the test
# <room>.<name>, or, with RANKS, once under mpirun for each number of ranks.
# Open MPI leaves memory at exit, so leaks are looked for only without RANKS.
function(room_test room name)
  cmake_parse_arguments(T "" "" "RANKS;LIBS" ${ARGN})
  set(program test_${room}_${name})
  add_executable(${program} ${CMAKE_SOURCE_DIR}/tests/${room}/test_${name}.c)
  target_link_libraries(${program} PRIVATE ${room} check esp_warnings ${T_LIBS})
  if(NOT T_RANKS)
    add_test(NAME ${room}.${name} COMMAND ${program})
    set_tests_properties(${room}.${name} PROPERTIES TIMEOUT 120)
  endif()
  foreach(n ${T_RANKS})
    add_test(NAME ${room}.${name}.n${n}
      COMMAND ${MPIEXEC_EXECUTABLE} --oversubscribe --bind-to none -n ${n}
              $<TARGET_FILE:${program}>)
    set_tests_properties(${room}.${name}.n${n} PROPERTIES TIMEOUT 120 ENVIRONMENT
      "ASAN_OPTIONS=detect_leaks=0;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_mpi_yield_when_idle=1")
  endforeach()
endfunction()

# valgrind_test(<room> <name>): the same program under valgrind, in builds that
# no sanitizer has changed.
function(valgrind_test room name)
  find_program(VALGRIND valgrind)
  if(NOT VALGRIND OR CMAKE_C_FLAGS MATCHES "-fsanitize")
    return()
  endif()
  add_test(NAME valgrind.${room}.${name}
    COMMAND ${VALGRIND} -q --error-exitcode=9 --leak-check=full
            --errors-for-leak-kinds=definite $<TARGET_FILE:test_${room}_${name}>)
  set_tests_properties(valgrind.${room}.${name} PROPERTIES
    TIMEOUT 600 LABELS valgrind)
endfunction()
