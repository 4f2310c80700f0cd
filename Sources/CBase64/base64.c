#include "CBase64.h"

#if defined(__x86_64__)
#include <tmmintrin.h>

// After Wojciech Muła, “Base64 decoding with SIMD instructions” (2016): the two halves of a character's byte look up bits
// that have none in common exactly when it is of the alphabet, and what to add to it.
__attribute__((target("ssse3"))) static size_t decode(const uint8_t *text, size_t count, uint8_t *target) {
  const __m128i low_lookup = _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B,
                                           0x1B, 0x1B, 0x1A);
  const __m128i high_lookup = _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10,
                                            0x10, 0x10, 0x10);
  const __m128i shift_lookup = _mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m128i slash = _mm_set1_epi8('/');
  const __m128i order = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  size_t taken = 0;
  for (; count - taken >= 16; taken += 16, target += 12) {
    __m128i characters = _mm_loadu_si128((const __m128i *)(text + taken));
    __m128i high_half = _mm_and_si128(_mm_srli_epi32(characters, 4), _mm_set1_epi8(0x0F));
    __m128i low_half = _mm_and_si128(characters, _mm_set1_epi8(0x0F));
    __m128i foreign =
        _mm_and_si128(_mm_shuffle_epi8(low_lookup, low_half), _mm_shuffle_epi8(high_lookup, high_half));
    if (_mm_movemask_epi8(_mm_cmpgt_epi8(foreign, _mm_setzero_si128()))) break;
    __m128i is_slash = _mm_cmpeq_epi8(characters, slash);
    __m128i values =
        _mm_add_epi8(characters, _mm_shuffle_epi8(shift_lookup, _mm_add_epi8(is_slash, high_half)));
    __m128i pairs = _mm_maddubs_epi16(values, _mm_set1_epi32(0x01400140));
    __m128i groups = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));
    _mm_storeu_si128((__m128i *)target, _mm_shuffle_epi8(groups, order));
  }
  return taken;
}

size_t lifeecho_base64_decode(const uint8_t *text, size_t count, uint8_t *target) {
  return __builtin_cpu_supports("ssse3") ? decode(text, count, target) : 0;
}
#else
size_t lifeecho_base64_decode(const uint8_t *text, size_t count, uint8_t *target) {
  (void)text, (void)count, (void)target;
  return 0;
}
#endif
