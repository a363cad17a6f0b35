#!/bin/sh
# Installs Locum on a machine without a network. Nothing of the payload is unpacked or run before its signature is
# verified; what verifies is this machine's openssl (3.0 or later) and sha256sum.
#
#   sh install.sh --public-key BASE64 [--prefix /opt/locum] [--bin /usr/local/bin] [--units]
#
# BASE64 is the key that `npm run bundle:offline` printed, brought here in another way than the bundle.
set -eu
umask 022

prefix=/opt/locum
bin=/usr/local/bin
key=
units=
usage() {
  sed -n '5s/^# *//p' "$0" >&2
  exit 64
}
fail() {
  echo "error: $1" >&2
  exit "${2:-1}"
}
while [ $# -gt 0 ]; do
  case "$1" in
    --public-key | --prefix | --bin)
      [ $# -ge 2 ] || usage
      case "$1" in
        --public-key) key=$2 ;;
        --prefix) prefix=$2 ;;
        --bin) bin=$2 ;;
      esac
      shift 2
      ;;
    --units)
      units=yes
      shift
      ;;
    *) usage ;;
  esac
done

cd "$(dirname "$0")"
for program in openssl sha256sum tar readlink; do
  command -v "$program" >/dev/null 2>&1 || fail "$program is not installed, and nothing is installed unverified"
done
for file in SHA256SUMS SHA256SUMS.sig release.pub payload.tar; do
  [ -f "$file" ] && [ ! -L "$file" ] || fail "the bundle has no file $file"
done

# The last 32 of the 44 bytes of an Ed25519 key in DER are the key itself.
bundled=$(openssl pkey -pubin -in release.pub -outform DER 2>/dev/null | tail -c 32 | openssl base64 -A) || bundled=
[ ${#bundled} -eq 44 ] || fail "release.pub is no Ed25519 public key"
echo "signed by $bundled"
if [ -z "$key" ]; then
  [ -t 0 ] || fail "expected --public-key, to compare with the key of the bundle" 64
  printf 'Is this the key that was printed where the bundle was made? (yes/no) '
  read -r answer
  [ "$answer" = yes ] || fail "not installed" 4
elif [ "$key" != "$bundled" ]; then
  fail "the bundle is signed by another key than $key" 4
fi

openssl pkeyutl -verify -pubin -inkey release.pub -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig >/dev/null 2>&1 ||
  fail "the signature does not belong to SHA256SUMS" 4
# The sums name these two files and no others, so nothing is left out by an odd line.
[ "$(sed 's/^[0-9a-f]\{64\}  //' SHA256SUMS)" = "install.sh
payload.tar" ] || fail "SHA256SUMS does not name install.sh and payload.tar" 4
sha256sum -c SHA256SUMS >/dev/null 2>&1 || fail "a file of the bundle is not what was signed" 4
echo "verified"

version=$(tar -xOf payload.tar VERSION)
case "$version" in
  *[!0-9A-Za-z.+-]* | "" | .*) fail "the payload names no version" ;;
esac
mkdir -p "$prefix" "$bin"
prefix=$(cd "$prefix" && pwd)
draft=$prefix/.draft-$$
trap 'rm -rf "$draft"' EXIT
mkdir "$draft"
tar -xf payload.tar -C "$draft" --no-same-owner
"$draft/lib/node" --version >/dev/null 2>&1 || {
  "$draft/lib/node" --version >&2 || true
  fail "the node of the bundle does not start here: it needs glibc 2.28, libstdc++ and libatomic (libatomic1)"
}
rm -rf "$prefix/$version.old"
[ ! -e "$prefix/$version" ] || mv "$prefix/$version" "$prefix/$version.old"
mv "$draft" "$prefix/$version"
rm -rf "$prefix/$version.old"
ln -sfn "$version" "$prefix/current"
ln -sfn "$prefix/current/bin/locum" "$bin/locum"

if [ -n "$units" ]; then
  [ "$bin" = /usr/local/bin ] || echo "note: the units start /usr/local/bin/locum"
  mkdir -p /etc/locum /etc/sysusers.d
  cp "$prefix/current/share/sysusers.d/locum.conf" /etc/sysusers.d/locum.conf
  systemd-sysusers /etc/sysusers.d/locum.conf
  cp "$prefix/current/share/systemd/"*.service /etc/systemd/system/
  systemctl daemon-reload || echo "note: systemd does not run here"
fi
echo "installed locum $version in $prefix, as $bin/locum"
