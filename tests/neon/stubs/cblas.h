// Stands for OpenBLAS, of which the kernels under test only ask that it keeps to one thread.
#pragma once

inline void openblas_set_num_threads(int) {}
