// Base64 (RFC 4648 §4) by vector instructions, which Swift has no way to name.
#ifndef LIFEECHO_CBASE64_H
#define LIFEECHO_CBASE64_H

#include <stddef.h>
#include <stdint.h>

// Decodes from the beginning of text as far as whole groups of 16 characters are all of the alphabet, three bytes for four
// characters. Returns the characters taken, a multiple of 16; 0 on machines without SSSE3. Up to 4 bytes behind the result
// are overwritten.
size_t lifeecho_base64_decode(const uint8_t *text, size_t count, uint8_t *target);

#endif
