#include "CVector.h"

#if defined(__x86_64__)
#include <immintrin.h>

// After Wojciech Muła, “Base64 decoding with SIMD instructions” (2016): the two halves of a character's byte look up bits
// that have none in common exactly when it is of the alphabet, and what to add to it.
#define LOW_BITS \
  0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A
#define HIGH_BITS \
  0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10
#define SHIFTS 0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0
#define ORDER 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1

__attribute__((target("ssse3"))) static size_t decode16(const uint8_t *text, size_t count, uint8_t *target) {
  const __m128i low_lookup = _mm_setr_epi8(LOW_BITS), high_lookup = _mm_setr_epi8(HIGH_BITS);
  const __m128i shift_lookup = _mm_setr_epi8(SHIFTS), order = _mm_setr_epi8(ORDER);
  const __m128i slash = _mm_set1_epi8('/'), half = _mm_set1_epi8(0x0F);
  size_t taken = 0;
  for (; count - taken >= 16; taken += 16, target += 12) {
    __m128i characters = _mm_loadu_si128((const __m128i *)(text + taken));
    __m128i high_half = _mm_and_si128(_mm_srli_epi32(characters, 4), half);
    __m128i low_half = _mm_and_si128(characters, half);
    __m128i foreign =
        _mm_and_si128(_mm_shuffle_epi8(low_lookup, low_half), _mm_shuffle_epi8(high_lookup, high_half));
    if (_mm_movemask_epi8(_mm_cmpgt_epi8(foreign, _mm_setzero_si128()))) break;
    __m128i is_slash = _mm_cmpeq_epi8(characters, slash);
    __m128i values = _mm_add_epi8(characters, _mm_shuffle_epi8(shift_lookup, _mm_add_epi8(is_slash, high_half)));
    __m128i pairs = _mm_maddubs_epi16(values, _mm_set1_epi32(0x01400140));
    __m128i groups = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));
    _mm_storeu_si128((__m128i *)target, _mm_shuffle_epi8(groups, order));
  }
  return taken;
}

// The same for 32 characters at a time.
__attribute__((target("avx2"))) static size_t decode32(const uint8_t *text, size_t count, uint8_t *target) {
  const __m256i low_lookup = _mm256_setr_epi8(LOW_BITS, LOW_BITS), high_lookup = _mm256_setr_epi8(HIGH_BITS, HIGH_BITS);
  const __m256i shift_lookup = _mm256_setr_epi8(SHIFTS, SHIFTS), order = _mm256_setr_epi8(ORDER, ORDER);
  const __m256i slash = _mm256_set1_epi8('/'), half = _mm256_set1_epi8(0x0F);
  // Twelve bytes of each half side by side.
  const __m256i together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
  size_t taken = 0;
  for (; count - taken >= 32; taken += 32, target += 24) {
    __m256i characters = _mm256_loadu_si256((const __m256i *)(text + taken));
    __m256i high_half = _mm256_and_si256(_mm256_srli_epi32(characters, 4), half);
    __m256i low_half = _mm256_and_si256(characters, half);
    __m256i low_bits = _mm256_shuffle_epi8(low_lookup, low_half);
    if (!_mm256_testz_si256(low_bits, _mm256_shuffle_epi8(high_lookup, high_half))) break;
    __m256i is_slash = _mm256_cmpeq_epi8(characters, slash);
    __m256i values =
        _mm256_add_epi8(characters, _mm256_shuffle_epi8(shift_lookup, _mm256_add_epi8(is_slash, high_half)));
    __m256i pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
    __m256i groups = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(groups, order), together);
    _mm256_storeu_si256((__m256i *)target, bytes);
  }
  return taken + decode16(text + taken, count - taken, target);
}

size_t lifeecho_base64_decode(const uint8_t *text, size_t count, uint8_t *target) {
  if (__builtin_cpu_supports("avx2")) return decode32(text, count, target);
  return __builtin_cpu_supports("ssse3") ? decode16(text, count, target) : 0;
}
#else
size_t lifeecho_base64_decode(const uint8_t *text, size_t count, uint8_t *target) {
  (void)text, (void)count, (void)target;
  return 0;
}
#endif
