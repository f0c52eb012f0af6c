// SPDX-License-Identifier: Apache-2.0
// The files that a report is made of, carried inside the program: a program that is copied to
// another machine still writes reports.
#pragma once

#include <string_view>

namespace semiseg::report_files {

std::string_view page();           // report/page.html: the frame, with {{names}} to fill
std::string_view style();          // report/style.css
std::string_view script();         // report/*.js in the order in which they build on each other
std::string_view chart_library();  // Chart.js of Debian's libjs-chart.js
std::string_view chart_licence();  // and its copyright file

}  // namespace semiseg::report_files
