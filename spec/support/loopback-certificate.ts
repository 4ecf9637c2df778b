/**
 * A self-signed certificate for 127.0.0.1 with its key, for tests that need a TLS server. It protects nothing: it is
 * trusted only by the child process of the test that points NODE_EXTRA_CA_CERTS at it.
 */
export const loopbackCertificate = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUHFObuh2J+Gq1TdH3b/lyMI7JSbYwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMzAxMDMxNFoYDzIxMjYxMDMw
MDEwMzE0WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQ/UcvQy3YjJ3uDiRHl7sxf+dwPU8gklJy2MBSKrLfnne5tdMTUGy4E
jnjzyacd/AuUkxfP4COnPLvjW2zytuKEo2QwYjAdBgNVHQ4EFgQU5rJ5wziM1PGo
tvFbYFRfmZWz3/swHwYDVR0jBBgwFoAU5rJ5wziM1PGotvFbYFRfmZWz3/swDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IQC8TqjTTBIvwd1iZvbfH95OP+oh3m9I8UNC2FNbojYAGAIgR0QCJQ/rKTVte6A2
XwkIC6kI30Zlne4H1j+R90ahF4U=
-----END CERTIFICATE-----`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgc3IExtFhW9eU0HP0
mCf4xlW7m0raRH5mLlGx9zSBXJyhRANCAAQ/UcvQy3YjJ3uDiRHl7sxf+dwPU8gk
lJy2MBSKrLfnne5tdMTUGy4Ejnjzyacd/AuUkxfP4COnPLvjW2zytuKE
-----END PRIVATE KEY-----`,
};
