/* SPDX-License-Identifier: MIT */
/*
 * Keys for tests of tokens, made by `openssl genpkey` for this file alone: they protect nothing.
 * Each private key stands above what can be known of it.
 */
#pragma once

/* Length as HS512 wants it; every HMAC takes it. */
#define TEST_SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define TEST_RSA_PRIVATE                                                                           \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCRRWqQRRxnAgx0\n"                           \
    "NX0WP39tYTFBRGHm/0c50SQNy+StQmZY7PlbQoMzm0hMcE0nJWV2H47orrsHRH2U\n"                           \
    "c9ciSXVPD5uI26Q7hd9atz9Irkxb7YGlvbN44l7b+hlfFn14qfEQhrO6hJWATI7J\n"                           \
    "wx8knJFt4sUQJLutMuSq2OQqeyA72XvuB1OCOpTqI6zd7wjT7/8+luYRMvETLkq0\n"                           \
    "ATWyJP/WD5jip9ftOSaTNqG64iLl4gh14HliAT93FKjxwwT3x4Gfqi7ZqNLtge4U\n"                           \
    "AlyGpCo4zEMY1EYu7bqDPXWj3rPPYprYvR+8vdI+/nRtwbnK+NJ/xCW/O3zwWdpL\n"                           \
    "8Ug32pGPAgMBAAECggEAAcOM1AxVpXAUXbV4WT5/uGnCd2T46ESN2P8MbMOWf+RC\n"                           \
    "qFXBtGnPnUtp17pSRRakOvGObuoPzaa8Ud63OxPo8z4VOGcBgUjzTV6gBqYmUIlH\n"                           \
    "ASaxfCXOkst0GAaaV+v0oMyJSjrWGIkqxISW96Z55MBxG5dG/+Lny8aLBNXzbI0o\n"                           \
    "ELk5/3tImmq+vbveD4J51F4EgH8ZFtpbNR3JsoAosqS/jMli5NDBl1kWm+QJKuQ4\n"                           \
    "QsPiCCJrC8jl9sITC9lcEdbITDMLT6nLg2EvK+cerDAxhjgy4NhaHU/Z0gEmK7lM\n"                           \
    "ORQVv2yspuLmzXPRQg1fQWOhoKsQsZuIEBCJp0rboQKBgQDJA9ns9cn9ZkC7UDa8\n"                           \
    "2UyajLnXVJk0PBbCH/DsEaGYZyd7NCMu5n1/wFRj7cbvrnTXj9zxZP9OZwqlBdov\n"                           \
    "oO/Fwb/X+Lc67HLvotD1QU3At6+3LYDN6Wkn+MfkmMb5LMo8E7PZcNjFC4KXefBw\n"                           \
    "LNn64jrWcG/h9TR8UE7Q+5IEKQKBgQC5AhRwGqcsTuxJz/6lAT8RH/zRLqG1Hk+T\n"                           \
    "CvVMjacdvgcrQr+xrB93RqE8i7tJVsnWEsrvHKeQqlSE0NLrwG54M8cKAw8VsIWy\n"                           \
    "wDExbzs4P9SkQMJtyhihairQC96jkg284qqoErmnVcdG1qGLb/AP5IoBbFW79Won\n"                           \
    "jcunLxXe9wKBgEXHXnkRgYLDYikj2TyJOjxUKZcEOQKW8VeF+v4XyL684Em2eZgo\n"                           \
    "TtxwCVt/CRXeu5SwzgPGCZJP1rQeafUqqtE9RrlUD1cXCXcCUAMzHiiOGyM9Wn8g\n"                           \
    "TW6gv9Ms7bVFxRZByKbss3MDYdvvanWmPC0JJ1+VPGF12zhkMFf/XFqxAoGAQRMm\n"                           \
    "NThqzP8FxgDPRSLnGBL0Tm/kmVyMCOC137ODsMaCpwjXfJtahg3l8PIFcoqAfDgo\n"                           \
    "AWtG1W/UQtNhHWOWd9lejXr991cb8AACTa0eW264UP4mZY/MkhpR7NP///EDvAjO\n"                           \
    "lkff3agibBxavj0lZ7GviUid73snV7pcg/Xf74kCgYA+vmD6cQ2qmP5XPl/ySVqo\n"                           \
    "2zO6sck051hDsVTJSmD/IGBWnkgFgGffWjpBPknSuLIbUXz8ns+nBkX8x/dS8O6V\n"                           \
    "LhMCabXcpcSr4F8X7/CyjJgIqX3G1wJM5G9z8Z5xArFJo/RoZ7cGobSOrer70yZ0\n"                           \
    "PjLIWh/plQOKpjwkMjKB4Q==\n"                                                                   \
    "-----END PRIVATE KEY-----\n"

#define TEST_RSA_PUBLIC                                                                            \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAkUVqkEUcZwIMdDV9Fj9/\n"                           \
    "bWExQURh5v9HOdEkDcvkrUJmWOz5W0KDM5tITHBNJyVldh+O6K67B0R9lHPXIkl1\n"                           \
    "Tw+biNukO4XfWrc/SK5MW+2Bpb2zeOJe2/oZXxZ9eKnxEIazuoSVgEyOycMfJJyR\n"                           \
    "beLFECS7rTLkqtjkKnsgO9l77gdTgjqU6iOs3e8I0+//PpbmETLxEy5KtAE1siT/\n"                           \
    "1g+Y4qfX7TkmkzahuuIi5eIIdeB5YgE/dxSo8cME98eBn6ou2ajS7YHuFAJchqQq\n"                           \
    "OMxDGNRGLu26gz11o96zz2Ka2L0fvL3SPv50bcG5yvjSf8Qlvzt88FnaS/FIN9qR\n"                           \
    "jwIDAQAB\n"                                                                                   \
    "-----END PUBLIC KEY-----\n"

#define TEST_RSA_PUBLIC_PKCS1                                                                      \
    "-----BEGIN RSA PUBLIC KEY-----\n"                                                             \
    "MIIBCgKCAQEAkUVqkEUcZwIMdDV9Fj9/bWExQURh5v9HOdEkDcvkrUJmWOz5W0KD\n"                           \
    "M5tITHBNJyVldh+O6K67B0R9lHPXIkl1Tw+biNukO4XfWrc/SK5MW+2Bpb2zeOJe\n"                           \
    "2/oZXxZ9eKnxEIazuoSVgEyOycMfJJyRbeLFECS7rTLkqtjkKnsgO9l77gdTgjqU\n"                           \
    "6iOs3e8I0+//PpbmETLxEy5KtAE1siT/1g+Y4qfX7TkmkzahuuIi5eIIdeB5YgE/\n"                           \
    "dxSo8cME98eBn6ou2ajS7YHuFAJchqQqOMxDGNRGLu26gz11o96zz2Ka2L0fvL3S\n"                           \
    "Pv50bcG5yvjSf8Qlvzt88FnaS/FIN9qRjwIDAQAB\n"                                                   \
    "-----END RSA PUBLIC KEY-----\n"

#define TEST_RSA_1024_PUBLIC                                                                       \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDUxF14g9tsCpg8QRN/OqxRsDc/\n"                           \
    "HFCjGIne3aWNVEGbV/MIs0QT+pMVXlgnVpYS33MZ4obHCfjGixXHX+zunJWqs+Xq\n"                           \
    "Io3+DAVO2LB3kpViaA2HUcbFR7k8EoaWDVPXd3+krLyzv+eoZQ0ZhI6WW5lcM/Cu\n"                           \
    "WPecF2eSPeKKq5bs2QIDAQAB\n"                                                                   \
    "-----END PUBLIC KEY-----\n"

#define TEST_P256_PRIVATE                                                                          \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPmsn3PN4MdZYs7RF\n"                           \
    "0sp3/V9jAhCEAh/20Mq/S0SJs3WhRANCAARRWEq5KxtRscf1H3ORG8WOZklH+KLj\n"                           \
    "UQ14hpZDutLnmvAtQa/KArw7bVFbzeWek8R8uTmFCZzXLilzumxATgd/\n"                                   \
    "-----END PRIVATE KEY-----\n"

#define TEST_P256_PRIVATE_SEC1                                                                     \
    "-----BEGIN EC PRIVATE KEY-----\n"                                                             \
    "MHcCAQEEID5rJ9zzeDHWWLO0RdLKd/1fYwIQhAIf9tDKv0tEibN1oAoGCCqGSM49\n"                           \
    "AwEHoUQDQgAEUVhKuSsbUbHH9R9zkRvFjmZJR/ii41ENeIaWQ7rS55rwLUGvygK8\n"                           \
    "O21RW83lnpPEfLk5hQmc1y4pc7psQE4Hfw==\n"                                                       \
    "-----END EC PRIVATE KEY-----\n"

#define TEST_P256_PRIVATE_PASSWORD                                                                 \
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"                                                      \
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjW+f13EymiiwICCAAw\n"                           \
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEMgc9nXh9Y626J89DIdIAwcEgZBc\n"                           \
    "xOzxMICzihZFg3rpkwnFMYirFHPUvK2Jbc0oYUNygIjc2D71teanKM63eucYDqce\n"                           \
    "6ND8VUc3mFVPMfyuZVTTsD2t0otDwQgNNPSbz5+E62hv9yk//nQiScC/+G4/VHKw\n"                           \
    "FcO1Sbx/X52zifSy6iBDULVptoO4TwlIPd/YtG8KIxCnpPEPaLE5baTXfPcd49E=\n"                           \
    "-----END ENCRYPTED PRIVATE KEY-----\n"

#define TEST_P256_PUBLIC                                                                           \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUVhKuSsbUbHH9R9zkRvFjmZJR/ii\n"                           \
    "41ENeIaWQ7rS55rwLUGvygK8O21RW83lnpPEfLk5hQmc1y4pc7psQE4Hfw==\n"                               \
    "-----END PUBLIC KEY-----\n"

#define TEST_P256_CERTIFICATE                                                                      \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIBbjCCAROgAwIBAgIUEUb/EqwK5otc42fbyyGXJr9XBTAwCgYIKoZIzj0EAwIw\n"                           \
    "DDEKMAgGA1UEAwwBeDAeFw0yNjExMjcxNDI1MjhaFw0zNjExMjQxNDI1MjhaMAwx\n"                           \
    "CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARRWEq5KxtRscf1\n"                           \
    "H3ORG8WOZklH+KLjUQ14hpZDutLnmvAtQa/KArw7bVFbzeWek8R8uTmFCZzXLilz\n"                           \
    "umxATgd/o1MwUTAdBgNVHQ4EFgQUAr15HenOx4b5lIr7P0RhWsqnHoYwHwYDVR0j\n"                           \
    "BBgwFoAUAr15HenOx4b5lIr7P0RhWsqnHoYwDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"                           \
    "hkjOPQQDAgNJADBGAiEAqdkcmtJ/FmBgcw9FKyjvrZc7NA8BiH8zKx99zs5wjosC\n"                           \
    "IQCto/+W1CgGJBlQsJXQ7otlcW/hBlM+0uUjm6Yd5sWDRQ==\n"                                           \
    "-----END CERTIFICATE-----\n"

#define TEST_P384_PRIVATE                                                                          \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCyyo51qIb4MiOtjvU8\n"                           \
    "aK+oGGGcVmMPxtKE2oJ1Y1m7TXOC7T/m2cgs2ghV37VvPfihZANiAASU8/sm8Uyn\n"                           \
    "eZ/H40JW8v7VbeJ1mHpx4S/FmioDnR0JL1J98ZjOUjFl/bpuwmykBTBy7tztBfb/\n"                           \
    "+Biy/vQPAXK7T5zxCNK54NSO8BBkLEqVfLR+6QGfu+KAaEUOkYu8b+U=\n"                                   \
    "-----END PRIVATE KEY-----\n"

#define TEST_P384_PUBLIC                                                                           \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAElPP7JvFMp3mfx+NCVvL+1W3idZh6ceEv\n"                           \
    "xZoqA50dCS9SffGYzlIxZf26bsJspAUwcu7c7QX2//gYsv70DwFyu0+c8QjSueDU\n"                           \
    "jvAQZCxKlXy0fukBn7vigGhFDpGLvG/l\n"                                                           \
    "-----END PUBLIC KEY-----\n"

#define TEST_P521_PRIVATE                                                                          \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIBZ5/Geyc9cLvfj608\n"                           \
    "rj5KIpr8+f2KAk36Sa4uaF5kvhngQId3hOcV4Z+FaAzl2BlaSzaTimNwkMBLFq9Z\n"                           \
    "EZE2zWmhgYkDgYYABACR3LCvT2VqDPKHI4AHRbBVEIlfzOjQiwpzClslXcMLDBA+\n"                           \
    "CRk4YadG2o70ISkAEEr1y8SVT6JRPJ+kIqaSXbDN5gELw4FnjmKdkm47FtgKC+l/\n"                           \
    "UMSvmSUidf1lB8JUFn3tGkl8xWVYsTypVndgG9B22aq604w2SYK0Qk5xHTJU5VQt\n"                           \
    "EQ==\n"                                                                                       \
    "-----END PRIVATE KEY-----\n"

#define TEST_P521_PUBLIC                                                                           \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAkdywr09lagzyhyOAB0WwVRCJX8zo\n"                           \
    "0IsKcwpbJV3DCwwQPgkZOGGnRtqO9CEpABBK9cvElU+iUTyfpCKmkl2wzeYBC8OB\n"                           \
    "Z45inZJuOxbYCgvpf1DEr5klInX9ZQfCVBZ97RpJfMVlWLE8qVZ3YBvQdtmqutOM\n"                           \
    "NkmCtEJOcR0yVOVULRE=\n"                                                                       \
    "-----END PUBLIC KEY-----\n"

#define TEST_K1_PUBLIC                                                                             \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEHzYApInCpb7Uv9BF5VnyxZZ0P/SlJtAP\n"                           \
    "9gBzU+h25U01q4OoGkTw33P60jRRNRbZc2zIw60mgV3wy6BLzl8GEA==\n"                                   \
    "-----END PUBLIC KEY-----\n"

#define TEST_ED25519_PRIVATE                                                                       \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MC4CAQAwBQYDK2VwBCIEIBRk9Eh6HNW1fPjh0WXmpAzGMn47WzLJjY+3k5ctYZY9\n"                           \
    "-----END PRIVATE KEY-----\n"

#define TEST_ED25519_PUBLIC                                                                        \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MCowBQYDK2VwAyEAO0LwUTVCxy4SqW4TcbAC68MMQ6/lr/q8+KWYltkGoRw=\n"                               \
    "-----END PUBLIC KEY-----\n"
