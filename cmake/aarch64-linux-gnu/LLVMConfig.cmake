# LLVM 19 for aarch64: Debian's arm64 library behind the headers of this machine's package, which are the same.
set(LLVM_INCLUDE_DIRS /usr/lib/llvm-19/include)
add_library(LLVM SHARED IMPORTED)
set_target_properties(LLVM PROPERTIES
  IMPORTED_LOCATION ${TERN_ARM64_ROOT}/usr/lib/aarch64-linux-gnu/libLLVM.so.19.1
  INTERFACE_COMPILE_DEFINITIONS "_GNU_SOURCE")
