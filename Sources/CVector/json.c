#include "CVector.h"

static int is_plain(uint8_t byte) { return byte != '"' && byte != '\\' && byte >= 0x20; }

#if defined(__x86_64__)
#include <immintrin.h>

// The minimum of a byte and 0x1F is the byte exactly when it is a control character.
__attribute__((target("avx2"))) static __m256i interruptions(const uint8_t *text) {
  __m256i bytes = _mm256_loadu_si256((const __m256i *)text);
  __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1F)), bytes);
  __m256i quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
  return _mm256_or_si256(_mm256_or_si256(control, quote), _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\')));
}

__attribute__((target("avx2"))) static size_t plain_blocks(const uint8_t *text, size_t count) {
  size_t index = 0;
  while (count - index >= 64) {
    __m256i first = interruptions(text + index), second = interruptions(text + index + 32);
    __m256i either = _mm256_or_si256(first, second);
    if (!_mm256_testz_si256(either, either)) {
      uint64_t mask = (uint32_t)_mm256_movemask_epi8(first) | (uint64_t)(uint32_t)_mm256_movemask_epi8(second) << 32;
      return index + (size_t)__builtin_ctzll(mask);
    }
    index += 64;
  }
  return index;
}

static size_t blocks(const uint8_t *text, size_t count) {
  return __builtin_cpu_supports("avx2") ? plain_blocks(text, count) : 0;
}
#else
static size_t blocks(const uint8_t *text, size_t count) {
  (void)text, (void)count;
  return 0;
}
#endif

// Sixteen bytes at a time in what the compiler makes of it on any machine.
static size_t rest(const uint8_t *text, size_t count) {
  size_t index = 0;
  for (; count - index >= 16; index += 16) {
    uint8_t found = 0;
    for (size_t offset = 0; offset < 16; offset++) found |= (uint8_t)!is_plain(text[index + offset]);
    if (found) break;
  }
  while (index < count && is_plain(text[index])) index++;
  return index;
}

size_t lifeecho_json_plain(const uint8_t *text, size_t count) {
  size_t index = count >= 64 ? blocks(text, count) : 0;
  return index + rest(text + index, count - index);
}
