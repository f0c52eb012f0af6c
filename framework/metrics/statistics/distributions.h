// SPDX-License-Identifier: Apache-2.0
// The normal distribution and Student's t, from Boost.Math, which stays out of the header.
#pragma once

namespace semiseg {

double normal_cdf(double z);
double normal_quantile(double p);                   // -inf for 0, inf for 1
double student_cdf(double t, double degrees);       // degrees > 0; t may be infinite
double student_quantile(double p, double degrees);  // 0 < p < 1

}  // namespace semiseg
