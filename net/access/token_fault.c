/* SPDX-License-Identifier: MIT */
/* The reasons in words: see token_fault.h. */
#include "net/access/token_fault.h"

static const struct {
    const char *name, *text;
} rows[TOKEN_FAULTS] = {
    [TOKEN_OK] = {"ok", "the token is good"},
    [TOKEN_TOO_LONG] = {"too_long", "the token is longer than 8,192 bytes"},
    [TOKEN_FORM] = {"form", "the token is not a JWT: three parts of base64url with dots between"},
    [TOKEN_HEADER] = {"header",
                      "the token's header is not a JSON object with a text for alg and perhaps one "
                      "for kid, each member once"},
    [TOKEN_CRITICAL] = {"critical", "the token asks for extensions (crit), and there are none"},
    [TOKEN_ALGORITHM] = {"algorithm", "the token's algorithm (alg) is not that of the key"},
    [TOKEN_KEY] = {"key", "the token names a key (kid) that is not known"},
    [TOKEN_SIGNATURE] = {"signature", "the token's signature was not made with the key"},
    [TOKEN_CLAIMS] = {"claims", "the token's claims are not a JSON object with each member once"},
    [TOKEN_TIME] = {"time",
                    "the token's exp or nbf is not a number of seconds, nor a text with one"},
    [TOKEN_RIGHTS] = {"rights",
                      "the token's claim fanfare is not an object with lists of channel patterns "
                      "in subscribe and publish, of 1,000 each at most"},
    [TOKEN_EXPIRED] = {"expired", "the token has ended (exp)"},
    [TOKEN_UNKNOWN] = {"unknown", "the token is not one of those that may publish here"},
    [TOKEN_EARLY] = {"early", "the token does not hold yet (nbf)"},
};

const char *token_fault_name(enum token_fault fault)
{
    return rows[fault].name;
}

const char *token_fault_text(enum token_fault fault)
{
    return rows[fault].text;
}
