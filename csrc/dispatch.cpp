// Chooses among the instruction sets that were compiled and that this processor has.
#include <cstring>

#include "kernels.h"

namespace gv {

namespace baseline { extern const Kernels kernels; }
#ifdef GV_HAVE_AVX2
namespace avx2 { extern const Kernels kernels; }
#endif
#ifdef GV_HAVE_AVX512
namespace avx512 { extern const Kernels kernels; }
#endif

namespace {

const Kernels* find(const char* name) {  // by name, or the best for null
  const auto wanted = [name](const char* candidate) { return !name || std::strcmp(name, candidate) == 0; };
#ifdef GV_HAVE_AVX512
  if (wanted("avx512") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return &avx512::kernels;
#endif
#ifdef GV_HAVE_AVX2
  if (wanted("avx2") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    return &avx2::kernels;
#endif
  return wanted("baseline") ? &baseline::kernels : nullptr;
}

const Kernels* current = nullptr;

}  // namespace

const Kernels& chosen() {
  if (!current) current = find(nullptr);
  return *current;
}

bool choose(const char* name) {
  const Kernels* found = find(name);
  if (found) current = found;
  return found != nullptr;
}

}  // namespace gv
