// What takes vector instructions that Swift has no way to name. Each function picks the best ones the machine has.
#ifndef LIFEECHO_CVECTOR_H
#define LIFEECHO_CVECTOR_H

#include <stddef.h>
#include <stdint.h>

// Decodes base64 (RFC 4648 §4) from the beginning of text as far as whole groups of 16 characters are all of the alphabet,
// three bytes for four characters. Returns the characters taken, a multiple of 16; 0 on machines without SSSE3. Up to 8
// bytes behind the result are overwritten.
size_t lifeecho_base64_decode(const uint8_t *text, size_t count, uint8_t *target);

// How many bytes of text stand before the first one that ends or interrupts a JSON string (RFC 8259 §7): a quote, a
// backslash, a control character.
size_t lifeecho_json_plain(const uint8_t *text, size_t count);

#endif
