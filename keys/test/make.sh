#!/bin/sh
# Makes one private signing key for each algorithm, as JWK files beside this script: openssl for the keys, perl for
# the bytes. Refuses to replace a key, because snapshots and fixtures depend on the committed ones.
set -eu
umask 077
cd "$(dirname "$0")"

b64url() { # hex on stdin -> base64url without padding
    perl -MMIME::Base64=encode_base64url -ne 'chomp; print encode_base64url(pack "H*", $_)'
}
hex() { # bytes on stdin -> hex
    perl -0777 -ne 'print unpack "H*", $_'
}
thumbprint() { # RFC 7638: SHA-256 over the required members in the order of their names
    printf '%s' "$1" | openssl dgst -sha256 -binary | hex | b64url
}
write() { # file, alg, canonical public members, private members
    kid=$(thumbprint "{$3}")
    printf '{"kid":"%s","alg":"%s","use":"sig",%s,%s}\n' "$kid" "$2" "$3" "$4" >"$1"
    chmod 644 "$1"
    echo "$1  $kid"
}
absent() {
    if [ -e "$1" ]; then
        echo "$1 exists; delete it first if you really want another key" >&2
        exit 1
    fi
}

absent eddsa.jwk.json
absent es256.jwk.json
absent rs256.jwk.json

# Ed25519: seed and public key are the last 32 bytes of PKCS#8 and SubjectPublicKeyInfo (RFC 8410).
pem=$(openssl genpkey -algorithm ED25519)
d=$(printf '%s\n' "$pem" | openssl pkey -outform DER | hex | perl -ne 'print substr $_, -64')
x=$(printf '%s\n' "$pem" | openssl pkey -pubout -outform DER | hex | perl -ne 'print substr $_, -64')
write eddsa.jwk.json EdDSA \
    "\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"$(echo "$x" | b64url)\"" \
    "\"d\":\"$(echo "$d" | b64url)\""

# P-256: RFC 5915 has the scalar after 7 bytes and ends with the uncompressed point.
pem=$(openssl ecparam -name prime256v1 -genkey -noout)
der=$(printf '%s\n' "$pem" | openssl ec -outform DER 2>/dev/null | hex)
d=$(echo "$der" | perl -ne 'print substr $_, 14, 64')
x=$(echo "$der" | perl -ne 'chomp; print substr $_, -128, 64')
y=$(echo "$der" | perl -ne 'chomp; print substr $_, -64')
write es256.jwk.json ES256 \
    "\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"$(echo "$x" | b64url)\",\"y\":\"$(echo "$y" | b64url)\"" \
    "\"d\":\"$(echo "$d" | b64url)\""

# RSA: PKCS#1 is version, n, e, d, p, q, dp, dq, qi (RFC 8017 A.1.2), one INTEGER a line.
pem=$(openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 2>/dev/null)
set -- $(printf '%s\n' "$pem" | openssl rsa -traditional 2>/dev/null | openssl asn1parse | sed -n 's/.*INTEGER *://p')
shift
part() { echo "$1" | b64url; }
write rs256.jwk.json RS256 \
    "\"e\":\"$(part "$2")\",\"kty\":\"RSA\",\"n\":\"$(part "$1")\"" \
    "\"d\":\"$(part "$3")\",\"p\":\"$(part "$4")\",\"q\":\"$(part "$5")\",\"dp\":\"$(part "$6")\",\"dq\":\"$(part "$7")\",\"qi\":\"$(part "$8")\""
