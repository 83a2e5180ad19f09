/* SPDX-License-Identifier: MIT */
/* Why a token is refused: the reasons, their names and their sentences. Constants; any thread. */
#pragma once

enum token_fault {
    TOKEN_OK,
    TOKEN_TOO_LONG,  /* TOKEN_BYTES_MAX */
    TOKEN_FORM,      /* not three parts of base64url */
    TOKEN_HEADER,    /* its header is no JSON object with an algorithm, or has a member twice */
    TOKEN_CRITICAL,  /* `crit`: it asks for extensions */
    TOKEN_ALGORITHM, /* signed otherwise than any of the keys does */
    TOKEN_KEY,       /* its `kid` is none of the keys' */
    TOKEN_SIGNATURE, /* not signed with one of the keys */
    TOKEN_CLAIMS,    /* its claims are no JSON object, or have a member twice */
    TOKEN_TIME,      /* `exp` or `nbf` is no number */
    TOKEN_RIGHTS,    /* the claim `fanfare` is not two lists of patterns */
    TOKEN_EXPIRED,
    TOKEN_EARLY,
    TOKEN_UNKNOWN, /* none of a list, where there are no keys: access.h */
    TOKEN_FAULTS,  /* how many there are */
};

/* A word for counters and logs: "expired". */
const char *token_fault_name(enum token_fault fault);
/* A whole sentence for people, with nothing of the token in it. */
const char *token_fault_text(enum token_fault fault);
