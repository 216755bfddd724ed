#!/bin/sh
# Installs the Debian packages that the tests need and pip cannot bring. Says so when it may not.
set -eu

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need tmux tmux
need strace strace
need zbarimg zbar-tools
need umockdev-wrapper umockdev
need chromium chromium
need systemd-analyze systemd
need udevadm udev
need mount mount
need ps procps
ldconfig -p 2>/dev/null | grep -q 'libusb-1\.0\.so' || missing="$missing libusb-1.0-0"
[ -d /usr/lib/python3/dist-packages/gi ] || missing="$missing python3-gi"
ls /usr/lib/*/girepository-1.0/UMockdev-1.0.typelib >/dev/null 2>&1 || missing="$missing gir1.2-umockdev-1.0"
[ -d /usr/share/fonts/truetype/dejavu ] || missing="$missing fonts-dejavu-core"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "The tests need these Debian packages:$missing" >&2
  echo "Install them first: sudo apt-get install$missing" >&2
  exit 1
fi
echo "installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
