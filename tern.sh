#!/usr/bin/env bash
# Tern on a bare Debian 12, in one command: see usage below. Safe to repeat: what is there is not made again.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: ./tern.sh [COMMAND]

  run [OPTION...]   set up, build, then `tern run` with these options (see `run --help`); without options,
                    and without a command, it continues "It was" with the model in the box
  test              set up, build everything with warnings as errors, run all tests
  sanitize          set up, then run the tests of what reads foreign input under ASan and UBSan
  build             set up and build everything
  help              this text

Setting up installs the Debian packages that are missing (as root, or by a sudo that asks for no password)
and configures build/. CMAKE_BUILD_PARALLEL_LEVEL, if set, is the number of compilers run at once.
TEXT
}

root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")

packages=(
  g++ cmake ninja-build pkgconf  # the compiler, and what drives it
  ccache                         # makes the second build of anything quick
  llvm-19-dev                    # codegen/: machine code
  libyaml-cpp-dev                # targets/, autotune/: files about CPUs and tuned kernels
  libhwloc-dev                   # targets/: caches and cores of this machine
  libfmt-dev                     # text
  libhwy-dev                     # runtime/: vector code of what is not a matmul
  libpcre2-dev                   # runtime/: regular expressions that split text before tokens are made
  libcli11-dev                   # tools/: the command line
  nlohmann-json3-dev             # tools/: JSON output
  libgtest-dev libgmock-dev      # tests/
  libbenchmark-dev               # bench/
  qemu-user                      # tests: runs programs that were generated for ARM
  clang-format                   # the test of formatting
)

# What links those programs, unless the machine is ARM and its own compiler does.
[[ $(uname -m) == aarch64 ]] || packages+=(g++-aarch64-linux-gnu)

# Clones in other folders share what ccache keeps.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

say() { printf 'tern.sh: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

install_packages() {
  command -v dpkg-query >/dev/null ||
    fail "this is no Debian; install what its packages stand for (${packages[*]}), then see CONTRIBUTING.md"
  local installed missing=() package
  # A package that dpkg has never heard of is an error to dpkg-query, and simply missing to us.
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null || true)
  for package in "${packages[@]}"; do
    grep -qxF "$package installed" <<<"$installed" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  local as_root=(env)
  if ((EUID != 0)); then
    as_root=(sudo -n env)
    sudo -n true 2>/dev/null ||
      fail "packages are missing; run this first: sudo apt-get install --no-install-recommends ${missing[*]}"
  fi
  local apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  say "installing ${missing[*]}"
  "${apt[@]}" update >&2 || say "the package lists could not be brought up to date; trying with those at hand"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >&2 </dev/null ||
    fail "could not install ${missing[*]}"
}

# How many compilers this machine's memory has room for: one takes up to 1 GiB where LLVM's headers are read.
compilers() {
  local memory limit
  memory=$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || true)  # a container's, in bytes, or "max"
  if [[ $limit =~ ^[0-9]+$ ]] && ((limit / 1024 < memory)); then memory=$((limit / 1024)); fi
  local by_memory=$((memory / (1280 * 1024))) cores
  cores=$(nproc)
  ((by_memory > 0)) || by_memory=1
  echo $((by_memory < cores ? by_memory : cores))
}

# configure PRESET: once, and again only if the presets or the handling of warnings changed; all else, the
# build notices by itself.
configure() {
  local build=$root/build/$1 warnings=OFF
  # Another compiler than Debian 12's may warn of other things, and that shall keep nobody from building.
  [[ $(g++ -dumpversion) == 12 ]] && warnings=ON
  [[ $build/build.ninja -nt $root/CMakePresets.json ]] &&
    grep -qx "TERN_WERROR:BOOL=$warnings" "$build/CMakeCache.txt" && return
  (cd -- "$root" && cmake --preset "$1" -D TERN_WERROR=$warnings) >&2 || fail "configuring build/$1 failed"
}

# build PRESET TARGET...
build() {
  local preset=$1
  shift
  install_packages
  configure "$preset"
  cmake --build "$root/build/$preset" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(compilers)}" --target "$@" >&2 ||
    fail "building failed"
}

# run_tests PRESET [OPTION...]: ends with ctest's own summary.
run_tests() {
  local preset=$1
  shift
  (cd -- "$root" && ctest --preset "$preset" --parallel "$(nproc)" --no-tests=error "$@")
}

main() {
  local command=${1:-run}
  (($# == 0)) || shift
  case $command in
    run)
      (($#)) || set -- -p "It was"
      build release tern
      exec "$root/build/release/tern" run "$@"
      ;;
    test)
      build release all
      run_tests release
      ;;
    sanitize)
      build asan ir_test targets_test runtime_test
      run_tests asan --label-regex '^(ir|targets|runtime)$'
      ;;
    build) build release all ;;
    help | -h | --help) usage ;;
    *)
      usage >&2
      fail "'$command' is no command"
      ;;
  esac
}

main "$@"
