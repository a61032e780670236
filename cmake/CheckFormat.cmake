# cmake -D CLANG_FORMAT=... -D ROOT=... -P CheckFormat.cmake: fails if clang-format would change a source file.
set(patterns)
foreach(folder base ir targets codegen kernels autotune runtime serve tools tests bench)
  list(APPEND patterns ${ROOT}/${folder}/*.h ${ROOT}/${folder}/*.cpp)
endforeach()
file(GLOB_RECURSE files ${patterns})
if(NOT files)
  message(FATAL_ERROR "no sources beneath ${ROOT}")
endif()

set(unformatted)
foreach(file IN LISTS files)
  # One at a time, for a short list of names: clang-format itself prints every place.
  execute_process(COMMAND ${CLANG_FORMAT} --dry-run -Werror ${file} RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
  if(NOT result EQUAL 0)
    file(RELATIVE_PATH name ${ROOT} ${file})
    list(APPEND unformatted ${name})
  endif()
endforeach()
if(unformatted)
  list(JOIN unformatted " " names)
  message(NOTICE "clang-format -i ${names}")  # in one line, to be copied
  message(FATAL_ERROR "These files are not formatted.")
endif()
