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
  arm64             cross-build Tern for 64-bit ARM and run it by qemu: the text must be this machine's. The ARM
                    libraries go to build/arm64-root; beside what `run` needs, a compiler and qemu are installed
  help              this text

Setting up installs the Debian packages that the command needs and that are missing (as root, or by a sudo that
asks for no password) and configures build/. Only `test` and `build` take what tests need: a browser, an emulator,
a cross-compiler, clang-format. CMAKE_BUILD_PARALLEL_LEVEL, if set, is the number of compilers run at once.
TEXT
}

root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")

# What building and running Tern needs.
run_packages=(
  g++ cmake ninja-build pkgconf  # the compiler, and what drives it
  ccache                         # makes the second build of anything quick
  llvm-19-dev                    # codegen/: machine code
  libyaml-cpp-dev                # targets/, autotune/: files about CPUs and tuned kernels
  libhwloc-dev                   # targets/: caches and cores of this machine
  libfmt-dev                     # text
  libhwy-dev                     # runtime/: vector code of what is not a matmul
  libpcre2-dev                   # runtime/: regular expressions that split text before tokens are made
  libutf8proc-dev                # runtime/: Unicode's normalization form C of such text
  libcli11-dev                   # tools/: the command line
  libedit-dev                    # tools/: lines that are edited at the prompt of tern chat (BSD licence)
  nlohmann-json3-dev             # runtime/: tokenizer.json; tools/: JSON output
  libbenchmark-dev               # autotune/: timing
  libboost1.81-dev               # serve/: sockets and HTTP (headers alone)
)

# Beside these, what the tests need. The programs for ARM that they make are linked by a cross-compiler, unless the
# machine is ARM and its own does, and run by qemu.
gtest_packages=(libgtest-dev libgmock-dev)
arm64_packages=(qemu-user)
[[ $(uname -m) == aarch64 ]] || arm64_packages+=(g++-aarch64-linux-gnu)
test_packages=(
  "${gtest_packages[@]}" "${arm64_packages[@]}"
  chromium      # opens the pages that Tern writes
  clang-format  # the test of formatting
)

# Clones in other folders share what ccache keeps.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

say() { printf 'tern.sh: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# install_packages PACKAGE...: those that are missing.
install_packages() {
  local packages=("$@")
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

# For ./tern.sh arm64: the ARM libraries with all that they need, and the packages of which the headers are enough.
arm64_libraries=(libllvm19 libyaml-cpp0.7 libhwloc15 libfmt9 libhwy1 libpcre2-8-0 libutf8proc2
  libedit2 libbenchmark1debian libstdc++6)
arm64_headers=(libyaml-cpp-dev libhwloc-dev libfmt-dev libhwy-dev libpcre2-dev libutf8proc-dev libcli11-dev
  libedit-dev nlohmann-json3-dev libbenchmark-dev libboost1.81-dev)

# Unpacks Debian's arm64 packages into build/arm64-root. apt keeps its lists and its state in a folder of its own
# meanwhile, so that this machine's packages know nothing of another architecture, and root is not needed.
fetch_arm64_root() {
  local arm64_root=$root/build/arm64-root work=$root/build/arm64-root.new
  local wanted="${arm64_libraries[*]} ${arm64_headers[*]}"
  [[ $(cat "$arm64_root/packages" 2>/dev/null) != "$wanted" ]] || return 0
  say "fetching the arm64 packages $wanted"
  rm -rf "$work" "$arm64_root"
  mkdir -p "$work"/{root,headers,state/lists/partial,cache/archives/partial}
  : >"$work/status"
  local apt=(env LC_ALL=C.UTF-8 apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64
    -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache"
    -o Dir::Log="$work" -o Debug::NoLocking=true -o APT::Sandbox::User= -o APT::Install-Recommends=false
    -o Acquire::Languages=none -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
  "${apt[@]}" update >&2 || say "some package lists could not be read; trying with the others"
  "${apt[@]}" install -y --download-only "${arm64_libraries[@]}" >&2 </dev/null ||
    fail "could not fetch ${arm64_libraries[*]}"
  (cd -- "$work/headers" && "${apt[@]}" download "${arm64_headers[@]}") >&2 ||
    fail "could not fetch ${arm64_headers[*]}"
  local package
  for package in "$work"/cache/archives/*.deb "$work"/headers/*.deb; do
    dpkg-deb --extract "$package" "$work/root" || fail "could not unpack $package"
  done
  printf '%s\n' "$wanted" >"$work/root/packages"
  mv -- "$work/root" "$arm64_root"
  rm -rf "$work"
}

# The ARM programs must write what this machine's does, on the plainest CPU and on the richest that qemu has.
run_arm64() {
  local arguments=(-p "It was" -n 40 --temp 0) expected actual cpu program
  expected=$("$root/build/release/tern" run "${arguments[@]}")
  for cpu in cortex-a72 max; do
    for program in "tern run" tern-run; do
      say "$program on qemu's $cpu"
      # shellcheck disable=SC2086  # a program and its subcommand
      actual=$(TERN_CACHE=$root/build/arm64/cache qemu-aarch64 -cpu "$cpu" -L "$root/build/arm64-root" \
        "$root/build/arm64"/$program "${arguments[@]}") || fail "$program failed on $cpu"
      [[ $actual == "$expected" ]] ||
        fail "$program wrote on $cpu: $actual"$'\n'"where x86-64 writes: $expected"
    done
  done
  printf '%s\n' "$expected"
  say "64-bit ARM writes the same"
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

# configure PRESET TESTS: once, and again only if the presets or the handling of warnings changed, or if tests (ON or
# OFF) are wanted for the first time; all else, the build notices by itself.
configure() {
  local build=$root/build/$1 tests=$2 warnings=OFF
  # Another compiler than Debian 12's may warn of other things, and that shall keep nobody from building.
  [[ $(g++ -dumpversion) == 12 ]] && warnings=ON
  if [[ $build/build.ninja -nt $root/CMakePresets.json ]] &&
    grep -qx "TERN_WERROR:BOOL=$warnings" "$build/CMakeCache.txt" &&
    { [[ $tests == OFF ]] || grep -qx "TERN_TESTS:BOOL=ON" "$build/CMakeCache.txt"; }; then
    return
  fi
  (cd -- "$root" && cmake --preset "$1" -D TERN_WERROR=$warnings -D TERN_TESTS="$tests") >&2 ||
    fail "configuring build/$1 failed"
}

# build PRESET TESTS TARGET...
build() {
  local preset=$1 tests=$2
  shift 2
  configure "$preset" "$tests"
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
      install_packages "${run_packages[@]}"
      build release OFF tern
      exec "$root/build/release/tern" run "$@"
      ;;
    test)
      install_packages "${run_packages[@]}" "${test_packages[@]}"
      build release ON all
      run_tests release
      ;;
    sanitize)
      install_packages "${run_packages[@]}" "${gtest_packages[@]}"
      build asan ON base_test ir_test targets_test autotune_test runtime_test serve_test
      run_tests asan --label-regex '^(base|ir|targets|runtime|serve)$'
      run_tests asan --tests-regex '^(Damaged)?Database'
      ;;
    build)
      install_packages "${run_packages[@]}" "${test_packages[@]}"
      build release ON all
      ;;
    arm64)
      [[ $(uname -m) == x86_64 ]] || fail "arm64 builds on x86-64 for ARM; here, use build or test"
      install_packages "${run_packages[@]}" "${arm64_packages[@]}"
      fetch_arm64_root
      build release OFF tern
      build arm64 OFF tern tern-run
      run_arm64
      ;;
    help | -h | --help) usage ;;
    *)
      usage >&2
      fail "'$command' is no command"
      ;;
  esac
}

main "$@"
