/* The access patterns of trafficKernels.ts as a native program, for cachegrind: double triad, and a product of floats in tiles. */
#define TRIAD 65536
#define SIDE 256
#define TILE 32
#define TILES (SIDE / TILE)

static double triadA[TRIAD] __attribute__((aligned(65536)));
static double triadB[TRIAD] __attribute__((aligned(65536)));
static double triadC[TRIAD] __attribute__((aligned(65536)));
static float productA[SIDE * SIDE] __attribute__((aligned(65536)));
static float productB[SIDE * SIDE] __attribute__((aligned(65536)));
static float productC[SIDE * SIDE] __attribute__((aligned(65536)));

__attribute__((noinline)) static void triad(double *a, const double *b, const double *c, double scale) {
  for (int i = 0; i < TRIAD; i++) a[i] = b[i] + scale * c[i];
}

/* A function of its own, so that its variables stay in registers. */
__attribute__((noinline)) static void multiplyTile(const float *left, const float *right, float *out) {
  for (int i = 0; i < TILE; i++)
    for (int k = 0; k < TILE; k++) {
      const float factor = left[i * TILE + k];
      for (int j = 0; j < TILE; j++) out[i * TILE + j] += factor * right[k * TILE + j];
    }
}

/* Tiles lie one after the other, each of TILE x TILE values. */
__attribute__((noinline)) static void tiledProduct(const float *a, const float *b, float *c) {
  for (int row = 0; row < TILES; row++)
    for (int column = 0; column < TILES; column++)
      for (int inner = 0; inner < TILES; inner++)
        multiplyTile(a + (row * TILES + inner) * TILE * TILE, b + (inner * TILES + column) * TILE * TILE,
                     c + (row * TILES + column) * TILE * TILE);
}

/* One argument: the triad; two: the product; none: what a process does anyway, to be taken off. */
int main(int arguments, char **names) {
  (void)names;
  if (arguments == 2) triad(triadA, triadB, triadC, 3.0);
  if (arguments == 3) tiledProduct(productA, productB, productC);
  return triadA[TRIAD - 1] + productC[SIDE * SIDE - 1] > 1e30;
}
