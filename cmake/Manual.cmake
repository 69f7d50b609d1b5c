# Makes espalier.1 and espalier-<subcommand>.1 from what the program says of
# itself.  cmake -DPROGRAM=... -DPAGES=... -DVERSION=... -P Manual.cmake
file(MAKE_DIRECTORY ${PAGES})

# Text as the page shows it, line for line.
function(write_page name summary text)
  string(REPLACE "\\" "\\e" text "${text}")
  string(REGEX REPLACE "(^|\n)([.'])" "\\1\\\\&\\2" text "${text}")
  string(REPLACE "-" "\\-" text "${text}")
  string(TOUPPER ${name} title)
  file(WRITE ${PAGES}/${name}.1
".TH ${title} 1 \"\" \"espalier ${VERSION}\" \"Espalier\"
.SH NAME
${name} \\- ${summary}
.SH DESCRIPTION
.nf
${text}
.fi
.SH SEE ALSO
.BR espalier (1),
.BR espalier (3),
.BR mpirun (1)
")
endfunction()

function(help_of result)
  execute_process(COMMAND ${PROGRAM} ${ARGN} --help OUTPUT_VARIABLE text
                  COMMAND_ERROR_IS_FATAL ANY)
  string(STRIP "${text}" text)
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

help_of(text)
# Its lines "  name  what it does" are the subcommands.
string(REPLACE ";" "," listed "${text}")
string(REGEX MATCHALL "\n  [a-z]+  +[^\n]+" lines "${listed}")
foreach(line ${lines})
  string(REGEX MATCH "\n  ([a-z]+)  +([^\n]+)" matched "${line}")
  set(subcommand ${CMAKE_MATCH_1})
  set(summary "${CMAKE_MATCH_2}")
  help_of(page ${subcommand})
  write_page(espalier-${subcommand} "${summary}" "${page}")
endforeach()
write_page(espalier "ONNX models over HDF5 datasets on threads and ranks"
           "${text}")
