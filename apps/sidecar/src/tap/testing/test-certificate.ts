/** A certificate for localhost that signs itself, with its key, for tests of TLS. It protects nothing. */
export const testCertificate = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUHRVGGkhoPdLgYsKyOxehcifM5UgwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTEwMTY1MloYDzIxMjYxMTAx
MTAxNjUyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARwcq6g9Mts36hRYN6q7bygjn3jM0+ojSYwiONKGg/TOglOGgfVXpJ6
pDD7oFqCqwqcR2p6jNg36tL/q5zLO8tjo28wbTAdBgNVHQ4EFgQUZlC99c9pVsu8
CEhQoic70Emf1wEwHwYDVR0jBBgwFoAUZlC99c9pVsu8CEhQoic70Emf1wEwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAJzyt3gKWfd7M7aLx6yneF2iGMgrpV8FO0o3P/j6+JTgAiEA
gw8njDEJnftTY5tl+S96sVOoVCjkazeVc/irJClq3XU=
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg1wxWdvF+AXFYC0j5
dwnr2ngmiE0rnmmyMcBR9skApmehRANCAARwcq6g9Mts36hRYN6q7bygjn3jM0+o
jSYwiONKGg/TOglOGgfVXpJ6pDD7oFqCqwqcR2p6jNg36tL/q5zLO8tj
-----END PRIVATE KEY-----
`,
};
