// Times the engines that are C functions, from C: a call through ctypes costs more than some of
// them take. Each function scores all rows `rounds` times in batches of `batch`, writes the scores
// to `out`, and returns the least nanoseconds that all rows took, or a negative number on failure.

#include <math.h>
#include <stdint.h>
#include <time.h>

#define WIDTH_MAX 256

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

// lleaves: the compiled forest, rows `from` to before `to`.
typedef void (*Lleaves)(const double *rows, double *out, int from, int to);

double time_lleaves(Lleaves score, const double *rows, double *out, int count, int batch,
                    int rounds) {
  double least = INFINITY;
  for (int round = 0; round < rounds; round++) {
    double started = now();
    for (int i = 0; i < count; i += batch) {
      score(rows, out, i, i + batch < count ? i + batch : count);
    }
    double spent = now() - started;
    if (spent < least) least = spent;
  }
  return least;
}

// tl2cgen: one row in its own union, which is made of the doubles here; it has no batches.
union Entry {
  int missing;
  double fvalue;
  int qvalue;
};
typedef void (*Tl2cgen)(union Entry *row, int is_margin, double *out);

double time_tl2cgen(Tl2cgen score, const double *rows, double *out, int count, int width,
                    int rounds) {
  if (width > WIDTH_MAX) return -1;
  double least = INFINITY;
  for (int round = 0; round < rounds; round++) {
    double started = now();
    for (int i = 0; i < count; i++) {
      union Entry row[WIDTH_MAX];
      for (int f = 0; f < width; f++) {
        double value = rows[(int64_t)i * width + f];
        if (isnan(value)) row[f].missing = -1;
        else row[f].fvalue = value;
      }
      out[i] = 0;
      score(row, 1, &out[i]);
    }
    double spent = now() - started;
    if (spent < least) least = spent;
  }
  return least;
}

// LightGBM's C API, fast single row: the configuration is parsed once.
typedef int (*SingleRowFast)(void *config, const void *row, int64_t *length, double *out);

double time_lightgbm_one(SingleRowFast score, void *config, const double *rows, double *out,
                         int count, int width, int rounds) {
  double least = INFINITY;
  for (int round = 0; round < rounds; round++) {
    double started = now();
    for (int i = 0; i < count; i++) {
      int64_t length;
      if (score(config, rows + (int64_t)i * width, &length, out + i)) return -1;
    }
    double spent = now() - started;
    if (spent < least) least = spent;
  }
  return least;
}

// LightGBM's C API, a matrix: doubles (type 1), row-major, raw score (type 1), all trees.
typedef int (*ForMatrix)(void *booster, const void *rows, int type, int32_t count, int32_t width,
                         int is_row_major, int predict_type, int from, int trees,
                         const char *parameters, int64_t *length, double *out);

double time_lightgbm(ForMatrix score, void *booster, const double *rows, double *out, int count,
                     int width, int rounds) {
  double least = INFINITY;
  for (int round = 0; round < rounds; round++) {
    double started = now();
    int64_t length;
    if (score(booster, rows, 1, count, width, 1, 1, 0, -1, "num_threads=1", &length, out)) {
      return -1;
    }
    double spent = now() - started;
    if (spent < least) least = spent;
  }
  return least;
}
