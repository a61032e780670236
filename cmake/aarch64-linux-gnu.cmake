# Toolchain: builds for 64-bit ARM on another Debian machine, and runs what it built by qemu. TERN_ARM64_ROOT is a
# folder with Debian's arm64 libraries; `./tern.sh arm64` makes it.
set(TERN_ARM64_ROOT ${CMAKE_CURRENT_LIST_DIR}/../build/arm64-root CACHE PATH "Folder of arm64 libraries")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TERN_ARM64_ROOT)
get_filename_component(root ${TERN_ARM64_ROOT} ABSOLUTE)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${root})

# Packages and libraries are the folder's own; programs, this machine's.
set(CMAKE_FIND_ROOT_PATH ${root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${root})
set(ENV{PKG_CONFIG_LIBDIR} ${root}/usr/lib/aarch64-linux-gnu/pkgconfig)
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${root}/usr/include/aarch64-linux-gnu)
# What the libraries themselves need.
string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT
  " -Wl,-rpath-link,${root}/usr/lib/aarch64-linux-gnu -Wl,-rpath-link,${root}/lib/aarch64-linux-gnu")

# LLVM's own description of itself lists hundreds of libraries; the one shared library is enough.
set(LLVM_DIR ${CMAKE_CURRENT_LIST_DIR}/aarch64-linux-gnu CACHE PATH "Folder of LLVMConfig.cmake")
