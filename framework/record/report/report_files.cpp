// SPDX-License-Identifier: Apache-2.0
#include "framework/record/report/report_files.h"

// The assembler's .incbin puts a file into the program as it is; C++20 has no #embed.
#define SEMISEG_EMBED(name, ...)                             \
  asm(".pushsection .rodata\n" #name ":\n" __VA_ARGS__ #name \
      "_end:\n"                                              \
      ".byte 0\n.popsection\n");                             \
  extern "C" const char name[], name##_end[]
#define SEMISEG_FILE(path) ".incbin \"" path "\"\n"
#define SEMISEG_REPORT_FILE(name) SEMISEG_FILE(SEMISEG_REPORT_FOLDER "/" name)

namespace semiseg::report_files {

SEMISEG_EMBED(semiseg_report_page, SEMISEG_REPORT_FILE("page.html"));
SEMISEG_EMBED(semiseg_report_style, SEMISEG_REPORT_FILE("style.css"));
SEMISEG_EMBED(semiseg_report_script,
              SEMISEG_REPORT_FILE("elements.js") SEMISEG_REPORT_FILE("runs.js")
                  SEMISEG_REPORT_FILE("charts.js") SEMISEG_REPORT_FILE("curves.js")
                      SEMISEG_REPORT_FILE("scores.js") SEMISEG_REPORT_FILE("figures.js")
                          SEMISEG_REPORT_FILE("statistics.js") SEMISEG_REPORT_FILE("slices.js")
                              SEMISEG_REPORT_FILE("page.js"));
SEMISEG_EMBED(semiseg_chart_library, SEMISEG_FILE(SEMISEG_CHART_LIBRARY));
SEMISEG_EMBED(semiseg_chart_licence, SEMISEG_FILE(SEMISEG_CHART_LICENCE));

std::string_view page() { return {semiseg_report_page, semiseg_report_page_end}; }
std::string_view style() { return {semiseg_report_style, semiseg_report_style_end}; }
std::string_view script() { return {semiseg_report_script, semiseg_report_script_end}; }
std::string_view chart_library() { return {semiseg_chart_library, semiseg_chart_library_end}; }
std::string_view chart_licence() { return {semiseg_chart_licence, semiseg_chart_licence_end}; }

}  // namespace semiseg::report_files
