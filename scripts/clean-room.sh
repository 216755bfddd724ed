#!/usr/bin/env bash
# Proves the two commands of the README on a fresh Debian 12: a minimal system in a temporary folder, a clone
# of HEAD, `make run SMOKE=1`, then `make test`. Nothing of this machine gets in but what it takes to reach
# package servers: apt's sources, trusted certificates, pip's settings, and local folders those point to.
#
#   sudo scripts/clean-room.sh              all of it
#   sudo scripts/clean-room.sh --room-only  only build the system and look around in it
#   sudo scripts/clean-room.sh --keep ...   leave the folder behind, and say where it is
#
# Needs root, debootstrap, git and about 5 GB in TMPDIR.
set -euo pipefail

suite=bookworm
packages=python3,python3-venv,git,make,ca-certificates
repository=$(cd "$(dirname "$0")/.." && pwd)

# ---------------------------------------------------------------- outside: one folder, one namespace
# Whatever is mounted lives in the namespace only. It is gone when the room is, so that the `rm` below can
# never reach through a mount; processes left in the room end with its process namespace.
if [ "${TRESEN_CLEAN_ROOM:-}" = "" ]; then
  keep=""; steps="run test"
  for word in "$@"; do
    case $word in
      --room-only) steps="" ;;
      --keep) keep=yes ;;
      *) echo "clean-room: unknown option $word" >&2; exit 2 ;;
    esac
  done
  [ "$(id -u)" -eq 0 ] || { echo "clean-room: needs root (debootstrap and chroot)" >&2; exit 2; }
  for tool in debootstrap git unshare; do
    command -v "$tool" >/dev/null || { echo "clean-room: $tool is missing: apt-get install $tool" >&2; exit 2; }
  done
  room=$(mktemp -d "${TMPDIR:-/tmp}/tresen-clean-room.XXXXXX")
  chmod 755 "$room"
  if [ -n "$keep" ]; then
    trap 'echo "clean-room: left in $room"' EXIT
  else
    trap 'rm -rf --one-file-system "$room"' EXIT
  fi
  TRESEN_CLEAN_ROOM=$room TRESEN_CLEAN_STEPS=$steps \
    unshare --mount --propagation private --pid --fork --kill-child "$0"
  exit
fi

# ---------------------------------------------------------------- inside the namespace
room=$TRESEN_CLEAN_ROOM
steps=$TRESEN_CLEAN_STEPS

say() { printf '== %5ds  %s\n' "$SECONDS" "$*"; }

# The first Debian mirror this machine uses, in either form of apt's lists.
mirror() {
  local file found
  for file in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -r "$file" ] || continue
    found=$(awk -v suite="$suite" '
      tolower($1) == "uris:" { uri = $2 }
      tolower($1) == "suites:" { for (at = 2; at <= NF; at++) if ($at == suite) good = 1 }
      /^[[:space:]]*$/ { if (good && uri) exit; uri = ""; good = 0 }
      $1 == "deb" { at = 2; if ($at ~ /^\[/) { while ($at !~ /\]$/) at++; at++ }
                    if ($(at + 1) == suite) { uri = $at; good = 1; exit } }
      END { if (good && uri) print uri }' "$file")
    if [ -n "$found" ]; then echo "$found"; return; fi
  done
  echo "clean-room: no mirror of $suite in /etc/apt" >&2
  return 1
}

# Copy into the room under the same name, if it is there.
bring() {
  local from
  for from in "$@"; do
    [ -e "$from" ] || continue
    mkdir -p "$room$(dirname "$from")"
    cp -aL "$from" "$room$(dirname "$from")/"
  done
}

# Local folders that pip is told to look into, by its files or by PIP_*; read-only in the room. The files of an
# index (file:///...) lie beside its pages, so the folder above is brought.
pip_folders() {
  local word
  { cat /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf" 2>/dev/null || true
    env | grep '^PIP_' || true
  } | tr " =\"'" '\n' | while read -r word; do
    case $word in
      file:///*) word=${word#file://}; dirname "${word%/}" ;;
      /*) echo "$word" ;;
    esac
  done | sort -u
}

say "building $suite"
debootstrap --variant=minbase --include="$packages" "$suite" "$room" "$(mirror)" >"$room.log" 2>&1 ||
  { tail -20 "$room.log" >&2; rm -f "$room.log"; exit 1; }
rm -f "$room.log"
say "a system of $(du -sh "$room" | cut -f1)"

say "settings for reaching package servers"
rm -rf "$room"/etc/apt/sources.list "$room"/etc/apt/sources.list.d
bring /etc/apt/sources.list /etc/resolv.conf /etc/hosts /usr/local/share/ca-certificates \
  /etc/ssl/certs/ca-certificates.crt /etc/pip.conf "$HOME/.config/pip" "$HOME/.pip"
mkdir -p "$room/etc/apt/sources.list.d"
for file in /etc/apt/sources.list.d/*; do # Debian's own only; foreign lists belong to this machine
  if grep -qsE "(^|[[:space:]])$suite([[:space:]]|\$)" "$file"; then bring "$file"; fi
done
for file in /etc/apt/apt.conf.d/*; do # proxies and the like, not this machine's own habits
  if grep -qsE '^[[:space:]]*Acquire::' "$file"; then bring "$file"; fi
done
bring /etc/apt/trusted.gpg.d /usr/share/keyrings

mount --bind "$room" "$room" # a root that is a mount of its own, or no test in it could unshare mounts
mount --rbind --make-rslave /dev "$room/dev"
mount -t proc proc "$room/proc"
mount -t sysfs -o ro sysfs "$room/sys"
mount -t tmpfs -o mode=755 tmpfs "$room/run"
pip_folders | while read -r folder; do
  [ -d "$folder" ] || continue
  case $folder in /etc/*|/proc/*|/) continue ;; esac
  mkdir -p "$room$folder"
  mount --bind -o ro "$folder" "$room$folder"
done

git -c safe.directory='*' clone --quiet --no-local "$repository" "$room/root/tresen"

# Only what reaches servers is taken over from the environment.
kept=()
while IFS= read -r pair; do kept+=("$pair"); done < <(
  env | grep -iE '^(PIP_[A-Z_]*|[a-z]+_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO)=' || true)
inside() {
  chroot "$room" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM=xterm-256color \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${kept[@]}" \
    sh -c "cd /root/tresen && $1" </dev/null
}

say "in the room: $(inside 'cat /etc/debian_version'), $(inside 'python3 --version'), $(inside 'git log -1 --format=%h')"
inside 'python3 -m venv /tmp/probe && /tmp/probe/bin/pip download --quiet --no-deps -d /tmp/probe msgspec'
say "pip reaches its index"
inside 'apt-get update -qq'
inside 'unshare --mount true'
say "apt reaches its mirror"

for step in $steps; do
  case $step in
    run) say "make run SMOKE=1"; inside 'make run SMOKE=1' ;;
    test) say "make test"; inside 'make test' ;;
  esac
done
say "clean room: all went well"
