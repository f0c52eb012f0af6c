// SPDX-License-Identifier: Apache-2.0
// jemalloc's settings; it reads this variable by its name, before main. MALLOC_CONF in the
// environment adds to them.
//
// A step allocates the same tensors again and again. Freed pages are kept (no decay): they need not
// be cleared by the kernel again, which halved the time of convolutions of 256² images. The C
// library's heap, told the same, keeps as much but fits new tensors into it badly: a step took half
// as much memory again.
extern "C" {
extern const char* const malloc_conf;
const char* const malloc_conf = "dirty_decay_ms:-1,muzzy_decay_ms:-1";
}
