// SPDX-License-Identifier: Apache-2.0
// The names by which the rows of a table are told apart.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/record/tables/results_table.h"

namespace semiseg {

// Returns what somebody chose for a run, by group or path: "method" → "bcp", "method.weight" → "10";
// without the seed, the label budget and the draw of the labelled patients, which have columns of
// their own.
std::map<std::string, std::string> chosen_by_hand(const RunSummary& summary);

// Sets method and backbone of each row to the options that were chosen, and adds what else tells
// rows of a section apart: "transmedseg base=mean_teacher". A choice of the method is shown where
// other rows of the method differ in it, one of the backbone likewise, any other where any row does.
void label_rows(std::vector<ResultsRow>& rows);

// Returns "backbone=unet_small method.base=mean_teacher …", all that was chosen.
std::string choices_text(const ResultsRow& row);

}  // namespace semiseg
