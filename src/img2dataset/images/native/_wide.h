/* Wide vectors where the processor has them, chosen at run time.
 *
 * A function that is worth it is written as INLINE, and called from two others: one marked WIDE,
 * for when `has_wide()`, and one that is not.  (GCC's target_clones would do this by itself, but
 * "arch=haswell" there asks for a processor by Intel.)
 */
#ifndef IMG2DATASET_WIDE_H
#define IMG2DATASET_WIDE_H

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

/* IMG2DATASET_NARROW compiles what other processors run, for tests. */
#if defined(__GNUC__) && defined(__x86_64__) && !defined(IMG2DATASET_NARROW)
#define WIDE __attribute__((target("avx2,fma,bmi,bmi2")))
static inline int has_wide(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
#else
#define WIDE
static inline int has_wide(void) { return 0; }
#endif

#endif
