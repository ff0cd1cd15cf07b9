#!/usr/bin/env python3
"""Runs make install into an empty folder, builds a C program against it with pkg-config and with CMake, and
runs the program without access to Swift."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from checks import ROOT, check, finish

CMAKE = """cmake_minimum_required(VERSION 3.13)
project(xor C)
find_package(denpa 0.1 REQUIRED)
add_executable(xor xor.c)
target_link_libraries(xor denpa::denpa)
"""
BARE = {"PATH": "/usr/bin:/bin"}  # Swift is in neither folder


def run(*command, cwd=None, env=None):
    """Runs a command; returns (success, lines of output)."""
    try:
        done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True, errors="replace")
    except OSError as error:
        return False, [str(error)]
    return done.returncode == 0, (done.stdout + done.stderr).splitlines()


def check_run(name, *command, **options):
    good, lines = run(*command, **options)
    check(name, [] if good else [" ".join(map(str, command))] + lines)
    return lines if good else []


def main():
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        prefix = top / "prefix"
        check_run("make install", "make", "-s", "install", f"PREFIX={prefix}", cwd=ROOT)
        files = sorted(str(p.relative_to(prefix)) for p in prefix.rglob("*") if not p.is_dir())
        check("installs library, headers, pkg-config and CMake files", files == [
            "include/denpa.h", "include/denpa_plugin.h", "include/denpa_types.h",
            "lib/cmake/denpa/denpaConfig.cmake", "lib/cmake/denpa/denpaConfigVersion.cmake",
            "lib/libdenpa.so", "lib/libdenpa.so.0", "lib/libdenpa.so.0.1.0", "lib/pkgconfig/denpa.pc",
            "share/denpa/denpa.tsan.supp", "share/denpa/denpa.valgrind.supp", "share/doc/denpa/LICENSE"] or files)
        check_run("make install with DESTDIR", "make", "-s", "install", f"DESTDIR={top}/stage", "PREFIX=/usr", cwd=ROOT)
        staged = (top / "stage/usr/lib/pkgconfig/denpa.pc")
        check("DESTDIR is in no installed file",
              staged.exists() and str(top) not in staged.read_text())

        shutil.copy(ROOT / "examples/c/xor.c", top / "xor.c")
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "denpa"], capture_output=True, text=True,
            env={**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")})
        check("pkg-config knows denpa", [] if flags.returncode == 0 else flags.stderr.splitlines())
        check_run("xor.c builds with pkg-config's flags", "cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "xor.c", "-o",
                  "xor", *flags.stdout.split(), "-lm", cwd=top)
        there = {**BARE, "LD_LIBRARY_PATH": str(prefix / "lib")}
        check_run("and runs without Swift", top / "xor", env=there, cwd=top)
        linked = check_run("ldd", "ldd", top / "xor", env=there)
        check("nothing of Swift's is loaded", [line for line in linked if "swift" in line.lower()])

        (top / "CMakeLists.txt").write_text(CMAKE)
        check_run("CMake configures", "cmake", "-S", top, "-B", top / "cmake", f"-DCMAKE_PREFIX_PATH={prefix}")
        check_run("CMake builds", "cmake", "--build", top / "cmake")
        check_run("and that runs without Swift", top / "cmake/xor", env=BARE, cwd=top)

        # The CMake package still works after the prefix was moved: its paths are relative.
        shutil.move(prefix, top / "moved")
        check_run("CMake configures after the prefix was moved", "cmake", "-S", top, "-B", top / "cmake2",
                  f"-DCMAKE_PREFIX_PATH={top}/moved")
        check_run("and builds", "cmake", "--build", top / "cmake2")
        check_run("make uninstall", "make", "-s", "uninstall", f"PREFIX={top}/moved", cwd=ROOT)
        left = [str(p) for p in (top / "moved").rglob("*") if not p.is_dir()]
        check("leaves nothing", left)

        # Debian's folders, with the headers in a separate folder.
        machine = subprocess.run(["cc", "-print-multiarch"], capture_output=True, text=True).stdout.strip()
        multiarch = [f"PREFIX={top}/multi", f"LIBDIR={top}/multi/lib/{machine or 'any-machine'}",
                     f"INCLUDEDIR={top}/multi/include/{machine or 'any-machine'}/denpa-0"]
        check_run("make install with another LIBDIR and INCLUDEDIR", "make", "-s", "install", *multiarch, cwd=ROOT)
        config = f"{top}/multi/lib/{machine or 'any-machine'}/cmake/denpa"
        for number, found in enumerate((f"-Ddenpa_DIR={config}", f"-DCMAKE_PREFIX_PATH={top}/multi")):
            build = top / f"cmake-multi-{number}"
            if number and not machine:
                break  # then CMake does not search that folder
            check_run(f"CMake configures with {found.split('=')[0]}", "cmake", "-S", top, "-B", build, found)
            check_run("and builds", "cmake", "--build", build)
            check_run("and that runs", build / "xor", env=BARE, cwd=top)
        # On some systems /lib is a symbolic link to /usr/lib.
        (top / "link").mkdir()
        (top / "link" / "lib").symlink_to(top / "multi" / "lib")
        link = str(config).replace(f"{top}/multi/", f"{top}/link/")
        check_run("CMake configures beyond a symbolic link", "cmake", "-S", top, "-B", top / "cmake-link", f"-Ddenpa_DIR={link}")
        check_run("and builds", "cmake", "--build", top / "cmake-link")
        check_run("make uninstall", "make", "-s", "uninstall", *multiarch, cwd=ROOT)
        check("leaves nothing", [str(p) for p in (top / "multi").rglob("*") if not p.is_dir()])
    finish()


if __name__ == "__main__":
    main()
