#!/bin/sh
# Makes ./certificates: an authority, and a certificate of the collector that is signed by it. What is there stays.
set -eu
umask 077
mkdir -p certificates releases
cd certificates
if [ -e ca.crt ]; then echo "certificates/ca.crt is there already"; exit 0; fi
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=Locum authority" \
  -keyout ca.key -out ca.crt 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=collector" \
  -keyout collector.key -out collector.csr 2>/dev/null
printf 'subjectAltName=DNS:collector,DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' > collector.ext
openssl x509 -req -in collector.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -extfile collector.ext \
  -out collector.crt 2>/dev/null
rm -f collector.csr collector.ext ca.srl
chmod 0755 . ../releases
chmod 0644 ca.crt collector.crt
# The collector reads its key as the user of its image.
chown 65532:65532 collector.key 2>/dev/null || echo "as root: chown 65532:65532 certificates/collector.key"
echo "certificates/ca.crt certificates/collector.crt certificates/collector.key"
