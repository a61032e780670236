# Shared compile settings, and the one way to declare a floor of the house.

add_library(tern_settings INTERFACE)
target_compile_features(tern_settings INTERFACE cxx_std_20)
target_include_directories(tern_settings INTERFACE ${PROJECT_SOURCE_DIR})
# Bit-exact results need strict IEEE arithmetic: no contraction of a*b+c into a fused operation.
target_compile_options(tern_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers
  -ffp-contract=off $<$<BOOL:${TERN_WERROR}>:-Werror>)
if(TERN_SANITIZE)
  target_compile_options(tern_settings INTERFACE
    -fsanitize=${TERN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    # What GCC says of instrumented std::variant is wrong.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(tern_settings INTERFACE -fsanitize=${TERN_SANITIZE})
endif()

# tern_floor(NAME [PUBLIC libs...] [PRIVATE libs...])
# Makes the library tern_NAME from every .cpp file beneath the current folder.
function(tern_floor name)
  cmake_parse_arguments(FLOOR "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)  # a floor that is still empty
    add_library(tern_${name} INTERFACE)
    target_link_libraries(tern_${name} INTERFACE tern_settings ${FLOOR_PUBLIC})
    return()
  endif()
  add_library(tern_${name} STATIC ${sources})
  target_link_libraries(tern_${name} PUBLIC tern_settings ${FLOOR_PUBLIC} PRIVATE ${FLOOR_PRIVATE})
endfunction()
