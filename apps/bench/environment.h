// What would make the dense libraries slower, or write to our standard output, behind our back.
#pragma once

namespace papilio::bench {

/// Starts this program anew without the environment variables that govern OpenBLAS and oneDNN
/// (OPENBLAS_CORETYPE, ONEDNN_MAX_CPU_ISA, ...), if there are any; notes which on the standard
/// error stream. OpenBLAS reads them when it is loaded, so unsetting them here would be too late.
/// Throws Error when the program can't be started.
void discard_library_settings(char** argv);

}  // namespace papilio::bench
