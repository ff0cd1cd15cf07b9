#!/usr/bin/env bash
# Installs the tools for building and testing Denpa on Debian and its derivatives; on other systems it lists
# what is missing.
#   setup.sh tools       installs compilers and command-line tools with apt-get, if possible
#   setup.sh venv DIR [REQUIREMENTS]    creates a Python environment in DIR with the packages of REQUIREMENTS
#                        (default: bindings/python/requirements-test.txt)
#   setup.sh package P   installs one more Debian package
#   setup.sh browser     installs Chromium, in which pages are tested, if possible; without it they are not
set -euo pipefail
cd "$(dirname "$0")/.."

need_swift="6.3"
need_python="3.9"

# version_at_least HAVE WANT: succeeds if HAVE is WANT or newer.
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# Prints the Debian package of each missing tool.
missing_packages() {
  command -v cc >/dev/null || echo build-essential
  command -v c++ >/dev/null || echo build-essential
  command -v make >/dev/null || echo make
  command -v strip >/dev/null || echo binutils
  command -v pkg-config >/dev/null || echo pkg-config
  command -v cmake >/dev/null || echo cmake
  command -v python3 >/dev/null || echo python3
  python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
}

install_packages() {
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get)
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then return 1; fi
    apt=(sudo -n "${apt[@]}")
  fi
  command -v apt-get >/dev/null || return 1
  "${apt[@]}" update -qq && "${apt[@]}" install -y -qq --no-install-recommends "$@" >/dev/null
}

tools() {
  local packages
  mapfile -t packages < <(missing_packages | sort -u)
  if [ "${#packages[@]}" -gt 0 ]; then
    echo "setup: installing ${packages[*]}"
    install_packages "${packages[@]}" || true
    mapfile -t packages < <(missing_packages | sort -u)
    if [ "${#packages[@]}" -gt 0 ]; then
      echo "setup: please install these packages (Debian's names): ${packages[*]}" >&2
      exit 1
    fi
  fi
  if ! command -v swift >/dev/null; then
    echo "setup: please install Swift $need_swift or newer (swift.org) and put it on the PATH" >&2
    exit 1
  fi
  local version
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -n 1)
  if ! version_at_least "$version" "$need_swift"; then
    echo "setup: Swift $version is too old; $need_swift or newer is needed" >&2
    exit 1
  fi
  version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if ! version_at_least "$version" "$need_python"; then
    echo "setup: Python $version is too old; $need_python or newer is needed" >&2
    exit 1
  fi
}

venv() {
  local folder=$1 requirements=$2
  [ -x "$folder/bin/python" ] || python3 -m venv "$folder"
  echo "setup: Python's packages for $folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
}

browser() {
  local name
  for name in chromium chromium-browser google-chrome chrome; do
    if command -v "$name" >/dev/null; then return; fi
  done
  install_packages chromium || echo "setup: without Chromium, the tests of pages are skipped" >&2
}

case "${1:-}" in
  tools) tools ;;
  venv) venv "${2:-.venv}" "${3:-bindings/python/requirements-test.txt}" ;;
  browser) browser ;;
  package) install_packages "$2" ;;
  *) echo "usage: setup.sh tools | venv DIR [REQUIREMENTS] | package NAME | browser" >&2; exit 2 ;;
esac
