// SPDX-License-Identifier: Apache-2.0
// The verbs of the program, one file each.
#pragma once

#include <string>
#include <vector>

namespace semiseg {

// The arguments after the verb on the command line. Verbs return the exit code and throw Error.
using Arguments = std::vector<std::string>;

int run_train(const Arguments& arguments);
int run_sweep(const Arguments& arguments);
int run_check(const Arguments& arguments);
int run_evaluate(const Arguments& arguments);
int run_import_weights(const Arguments& arguments);
int run_export(const Arguments& arguments);
int run_table(const Arguments& arguments);
int run_report(const Arguments& arguments);
int run_predict(const Arguments& arguments);
int run_convert(const Arguments& arguments);
int run_info(const Arguments& arguments);
int run_parity(const Arguments& arguments);
int run_conformance(const Arguments& arguments);
int run_benchmark(const Arguments& arguments);

struct Verb {
  const char* name;
  const char* summary;
  int (*run)(const Arguments&);
};

inline constexpr Verb kVerbs[] = {
    {"train", "train a method on a data set; run again to resume", run_train},
    {"sweep", "train every combination of values, here or on a cluster", run_sweep},
    {"check", "find defects of a run or sweep before it waits in a queue", run_check},
    {"evaluate", "measure the weights of a run on a split, or label files", run_evaluate},
    {"import-weights", "make a run of weights that another program wrote", run_import_weights},
    {"export", "write the network of a run as safetensors", run_export},
    {"table", "compare runs: mean ± std over seeds", run_table},
    {"report", "runs as one HTML page: curves, scores, worst cases, settings", run_report},
    {"predict", "label maps for new scans, on their own grids", run_predict},
    {"convert", "NIfTI, NRRD, MetaImage and DICOM into a data set", run_convert},
    {"info", "what is registered, and the options of each", run_info},
    {"parity", "compare with recorded results of reference implementations", run_parity},
    {"conformance", "check that a method does what every method must do", run_conformance},
    {"benchmark", "time parts of the program", run_benchmark},
};

}  // namespace semiseg
