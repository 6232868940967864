#!/bin/sh
# Copyright 2026 The qcow2-info authors
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the groups named on the command line need: build, check (the tests), lint, fuzz.
# What is there already is left alone, and when nothing is missing nothing is run at all.

set -eu
PATH=$PATH:/usr/sbin # where servers are

# One row a need. "probe" says how to see that it is there already: cmd:PROGRAM, file:PATH, lib:NAME
# for a library that pkg-config knows, py:MODULE of Python, or fuzzer:COMPILER for its libFuzzer. Then the package's name
# for each package manager.
#
#     group probe                 apt-get        dnf                apk               pacman       zypper
needs='
      build cmd:cc                gcc            gcc                gcc               gcc          gcc
      build file:/usr/include/stdio.h libc6-dev  glibc-devel        musl-dev          glibc        glibc-devel
      build cmd:pkg-config        pkg-config     pkgconf-pkg-config pkgconf           pkgconf      pkg-config
      build lib:zlib              zlib1g-dev     zlib-devel         zlib-dev          zlib         zlib-devel
      build lib:libzstd           libzstd-dev    libzstd-devel      zstd-dev          zstd         libzstd-devel
      build lib:libcjson          libcjson-dev   cjson-devel        cjson-dev         cjson        cJSON-devel
      build lib:libdeflate        libdeflate-dev libdeflate-devel   libdeflate-dev    libdeflate   libdeflate-devel
      build lib:libgcrypt         libgcrypt20-dev libgcrypt-devel   libgcrypt-dev     libgcrypt    libgcrypt-devel
      build lib:nettle            nettle-dev     nettle-devel       nettle-dev        nettle       libnettle-devel
      build lib:libseccomp        libseccomp-dev libseccomp-devel   libseccomp-dev    libseccomp   libseccomp-devel
      build lib:libcurl           libcurl4-openssl-dev libcurl-devel curl-dev       curl         libcurl-devel
      check cmd:bash              bash           bash               bash              bash         bash
      check cmd:bats              bats           bats               bats              bats         bats
      check cmd:script            bsdutils       util-linux         util-linux-misc   util-linux   util-linux
      check cmd:jq                jq             jq                 jq                jq           jq
      check cmd:strace            strace         strace            strace            strace       strace
      check cmd:qemu-img          qemu-utils     qemu-img           qemu-img          qemu-img     qemu-img
      check cmd:qemu-io           qemu-utils     qemu-img           qemu-img          qemu-img     qemu-img
      check cmd:mandoc            mandoc         mandoc             mandoc            mandoc       mandoc
      check cmd:python3           python3        python3            python3           python       python3
      check py:jsonschema         python3-jsonschema python3-jsonschema py3-jsonschema python-jsonschema python3-jsonschema
      check cmd:openssl           openssl        openssl            openssl           openssl      openssl
      check file:/etc/ssl/certs/ca-certificates.crt ca-certificates ca-certificates ca-certificates ca-certificates ca-certificates
      check cmd:zsh               zsh            zsh                zsh               zsh          zsh
      check cmd:fish              fish           fish               fish              fish         fish
      check cmd:nginx             nginx-light    nginx              nginx             nginx        nginx
      lint  cmd:bash              bash           bash               bash              bash         bash
      lint  cmd:clang             clang          clang              clang             clang        clang
      lint  cmd:clang-format      clang-format   clang-tools-extra  clang-extra-tools clang        clang-tools
      lint  cmd:clang-tidy        clang-tidy     clang-tools-extra  clang-extra-tools clang        clang-tools
      lint  cmd:cppcheck          cppcheck       cppcheck           cppcheck          cppcheck     cppcheck
      lint  cmd:shellcheck        shellcheck     ShellCheck         shellcheck        shellcheck   ShellCheck
      lint  cmd:mandoc            mandoc         mandoc             mandoc            mandoc       mandoc
      fuzz  cmd:clang             clang          clang              clang             clang        clang
      fuzz  fuzzer:clang          libclang-rt-dev compiler-rt       compiler-rt       compiler-rt  clang
'

die() {
    echo "deps: $*" >&2
    exit 1
}

is_there() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    lib:*) pkg-config --exists "${1#lib:}" 2>/dev/null ;;
    py:*) python3 -c "import ${1#py:}" 2>/dev/null || /usr/bin/python3 -c "import ${1#py:}" 2>/dev/null ;;
    file:*) test -e "${1#file:}" ;;
    fuzzer:*)
        echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
            "${1#fuzzer:}" -fsanitize=fuzzer -x c -o /dev/null - 2>/dev/null
        ;;
    esac
}

# Prints the package of every need of the groups that is not there, one a line.
missing_packages() {
    echo "$needs" | while read -r group probe apt dnf apk pacman zypper; do
        case " $groups " in
        *" ${group:-none} "*) ;;
        *) continue ;;
        esac
        is_there "$probe" && continue
        case $manager in
        apt-get) echo "$apt" ;;
        dnf) echo "$dnf" ;;
        apk) echo "$apk" ;;
        pacman) echo "$pacman" ;;
        zypper) echo "$zypper" ;;
        *) echo "${probe#*:}" ;;
        esac
    done | sort -u
}

find_manager() {
    for manager in apt-get dnf apk pacman zypper; do
        command -v "$manager" >/dev/null 2>&1 && return
    done
    manager=
}

# Runs a command as root.
as_root() {
    echo "deps: $*"
    if [ "$(id -u)" -eq 0 ]; then
        "$@" </dev/null
    else
        sudo "$@" </dev/null
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

# The package lists are fetched only when they are absent, or so old that what they name is gone.
# A mirror that fails is no reason to stop: the packages may come from another one.
apt_install() {
    # shellcheck disable=SC2086 # a list of names
    if apt-cache show $packages >/dev/null 2>&1 &&
        apt_get install -y --no-install-recommends $packages; then
        return
    fi
    apt_get update || echo "deps: apt-get update failed; going on without" >&2
    # shellcheck disable=SC2086
    apt_get install -y --no-install-recommends $packages
}

install_packages() {
    # shellcheck disable=SC2086 # a list of names
    case $manager in
    apt-get) apt_install ;;
    dnf) as_root dnf install -y --setopt=install_weak_deps=False $packages ;;
    apk) as_root apk add --no-cache $packages ;;
    pacman) as_root pacman -Sy --needed --noconfirm $packages ;;
    zypper) as_root zypper --non-interactive install --no-recommends $packages ;;
    esac
}

[ $# -gt 0 ] || die "usage: deps.sh GROUP... (build, check, lint, fuzz)"
for group in "$@"; do
    case $group in
    build | check | lint | fuzz) ;;
    *) die "unknown group '$group': it can be build, check, lint or fuzz" ;;
    esac
done
groups=$*

find_manager
packages=$(missing_packages | tr '\n' ' ')
[ -n "$packages" ] || exit 0

[ -n "$manager" ] ||
    die "no package manager that this script knows; install these yourself: $packages"
[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1 ||
    die "neither root nor sudo; have these packages installed: $packages"

install_packages || die "could not install: $packages"
packages=$(missing_packages | tr '\n' ' ')
[ -z "$packages" ] || die "still missing after the installation: $packages"
